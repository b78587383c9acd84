import { type Blobs, LIMITS, loadStagedVault, vaultPath } from "../../core/guard.js"
import { type ChangedFile, SUBMODULE } from "./changes.js"
import type { Finding } from "../report/finding.js"
import type { Repository } from "./repository.js"

const TITLES = {
  plaintext: "plaintext where ciphertext belongs",
  invalid: "a vault file that agent-vault would refuse",
  "set-back": "a vault record set back to an older state",
} as const

/**
 * Judges the files of vaults among changes: each must be what `check` expects of it, together with
 * the rest of the index. A change in an existing commit is judged by itself.
 */
export async function judgeVaults(
  repository: Repository,
  changes: readonly ChangedFile[],
): Promise<readonly Finding[]> {
  const groups = new Map<string, ChangedFile[]>()
  for (const change of changes.filter(isInVault)) {
    const key = `${change.commit ?? ""}\0${vaultPath(change.path)?.folder ?? ""}`
    const group = groups.get(key) ?? []
    group.push(change)
    groups.set(key, group)
  }
  const findings: (readonly Finding[])[] = []
  for (const group of groups.values()) findings.push(await judgeVault(repository, group))
  return findings.flat()
}

async function judgeVault(
  { blobs }: Repository,
  changes: readonly ChangedFile[],
): Promise<readonly Finding[]> {
  const { neededFor, vaultProblems } = await loadStagedVault()
  const [{ folder = "" } = {}] = changes.map(({ path }) => vaultPath(path) ?? {})
  const inside = (path: string): string => path.slice(folder.length + 1)
  const staged = await Promise.all(
    changes.map(async ({ path, id, mode, before, commit }) => ({
      path: inside(path),
      bytes: await readStaged(blobs, id, mode),
      before: path.endsWith(".json")
        ? await readAll(
            blobs,
            before.map((old) => old.id),
          )
        : [],
      isReplaced: commit === undefined && before.some((old) => old.path === path),
      isOdd: mode?.startsWith("100") === false,
    })),
  )
  const after =
    changes.some(({ commit }) => commit !== undefined) || folder.includes("\n")
      ? undefined
      : await indexFiles(blobs, folder, [...new Set(staged.flatMap(({ path }) => neededFor(path)))])
  return vaultProblems(staged, after).map(({ path, is, message, hint }) => ({
    rule: `vault-${is}`,
    title: TITLES[is],
    path: path === "" ? folder : `${folder}/${path}`,
    line: 1,
    column: 1,
    message,
    hint,
    ...commitOf(changes[0]),
  }))
}

/** Undefined for what is gone. A submodule has no content here, and has no place in a vault. */
function readStaged(blobs: Blobs, id: string, mode: string | undefined) {
  if (mode === undefined) return undefined
  return mode === SUBMODULE ? Buffer.alloc(0) : readWhole(blobs, id)
}

/** These files of a vault, as they are staged. */
async function indexFiles(blobs: Blobs, folder: string, paths: readonly string[]) {
  const contents = await Promise.all(
    paths.map(async (path) => [path, await readWhole(blobs, `:${folder}/${path}`)] as const),
  )
  const files = new Map(contents.filter(([, bytes]) => bytes !== undefined))
  return { read: (path: string) => files.get(path), list: () => [...files.keys()] }
}

async function readAll(blobs: Blobs, ids: readonly string[]): Promise<readonly Buffer[]> {
  const all = await Promise.all(ids.map((id) => readWhole(blobs, id)))
  return all.filter((bytes) => bytes !== undefined)
}

/** A blob as a whole, if a vault can hold it; the start of a larger one, which it cannot. */
async function readWhole(blobs: Blobs, name: string): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  let length = 0
  const blob = await blobs.read(name, (piece) => {
    if (length > LIMITS.sealed) return
    pieces.push(Buffer.from(piece))
    length += piece.length
  })
  return blob === undefined ? undefined : (blob.bytes ?? Buffer.concat(pieces))
}

function isInVault({ path }: ChangedFile): boolean {
  return vaultPath(path) !== undefined
}

function commitOf(change: ChangedFile | undefined): { readonly commit?: string } {
  return change?.commit === undefined ? {} : { commit: change.commit }
}
