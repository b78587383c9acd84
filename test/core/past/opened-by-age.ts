import { createHash } from "node:crypto"
import type { StockAge } from "../../stock-age.js"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { World } from "../world.js"

/**
 * The values that a key opens in all of a repository's history, by stock age and plain git: first the
 * groups' keys that it opens, of every commit, then with these every ciphertext. `GROUP/NAME@VERSION`.
 */
export function openedByAge({ age }: StockAge, world: World, keyFile: string): Set<string> {
  const trees = world
    .git("rev-list", "--all")
    .split("\n")
    .flatMap((commit) => world.git("ls-tree", "-r", commit, "--", ".agent-vault").split("\n"))
  const files = new Map(
    trees.flatMap((line) => {
      const [, blob, path] = /^\d+ blob (\w+)\t\.agent-vault\/(.*)$/.exec(line) ?? []
      return blob === undefined || path === undefined ? [] : [[`${path} ${blob}`, { blob, path }]]
    }),
  )
  const opened = (blob: string, key: string): Uint8Array | undefined => {
    try {
      return age(["-d", "-i", key], world.bytes("cat-file", "blob", blob))
    } catch {
      return undefined
    }
  }
  const keys = [...files.values()].flatMap(({ blob, path }, index) => {
    const identity = /^groups\/.*\.age$/.test(path) ? opened(blob, keyFile) : undefined
    if (identity === undefined) return []
    const file = join(world.folder, `group-${index}.key`)
    writeFileSync(file, identity)
    return [file]
  })
  const sealed = [...files.values()].filter(({ path }) => /^secrets\/.*\.age$/.test(path))
  const bytes = sealed.filter(({ blob }) => keys.some((key) => opened(blob, key) !== undefined))
  const digests = new Map(
    [...files.values()]
      .filter(({ path }) => /^secrets\/.*\.json$/.test(path))
      .map(({ blob, path }) => {
        const record = JSON.parse(world.git("cat-file", "blob", blob)) as Signed
        return [`${path.replace(/json$/, "age")} ${record.digest}`, record.version]
      }),
  )
  return new Set(
    bytes.map(({ blob, path }) => nameOf(path, digests.get(`${path} ${digest(world, blob)}`))),
  )
}

interface Signed {
  readonly version: number
  readonly digest: string
}

function nameOf(path: string, version: number | undefined): string {
  return `${path.slice("secrets/".length, -".age".length)}@${version ?? "?"}`
}

function digest(world: World, blob: string): string {
  return `sha256:${createHash("sha256")
    .update(world.bytes("cat-file", "blob", blob))
    .digest("hex")}`
}
