import { createHash } from "node:crypto"
import { join } from "node:path"
import { readRegularFile } from "../disk/files.js"
import { commonFolder } from "../disk/place.js"
import { VaultError } from "../words/errors.js"
import { shellWord } from "../words/shell-word.js"
import { limitOf } from "../words/layout.js"
import { LIMITS } from "../words/limits.js"
import { PARTIAL } from "./git-failure.js"
import type { BlobId, Git, RunOptions } from "./git.js"

/** The id that Git gives a blob of these bytes. */
export function blobId(bytes: Uint8Array, hash: Git["hash"]): BlobId {
  return objectId("blob", bytes, hash)
}

/** The id that Git gives an object: the hash of its type, its length and its bytes. */
export function objectId(type: string, bytes: Uint8Array, hash: Git["hash"]): string {
  return createHash(hash).update(`${type} ${bytes.length}\0`).update(bytes).digest("hex")
}

/** The commit that a ref names; undefined when it does not exist. */
export async function commitOf(git: Git, ref: string): Promise<string | undefined> {
  const commit = looseRef(git, ref)
  if (commit !== undefined) return commit
  const found = await git.run(["for-each-ref", "--format=%(refname) %(objectname)", ref])
  const line = found
    .toString("utf8")
    .split("\n")
    .find((text) => text.startsWith(`${ref} `))
  return line?.slice(ref.length + 1)
}

/**
 * The commit in the file of a ref, which holds before what is packed (git-pack-refs(1)); undefined
 * where Git is to be asked.
 */
function looseRef({ checkout, hash }: Git, ref: string): string | undefined {
  if (!/^refs\/(?:heads|remotes)(?:\/(?!\.)[^/]+)+$/.test(ref)) return undefined
  const file = join(commonFolder(checkout.gitFolder), ref)
  try {
    const text = Buffer.from(readRegularFile(file, LIMITS.lock) ?? []).toString("latin1")
    // Of zeros alone it is no commit, and broken to Git.
    const [, commit] = /^(0*[1-9a-f][0-9a-f]*)\n$/.exec(text) ?? []
    return commit?.length === (hash === "sha1" ? 40 : 64) ? commit : undefined
  } catch {
    // A link, say, which Git may follow.
    return undefined
  }
}

/** Whether the clone has only the last commits of its history, as `--depth` fetches them. */
export async function isShallowClone(git: Git): Promise<boolean> {
  const answer = await git.run(["rev-parse", "--is-shallow-repository"])
  return answer.toString("utf8").trim() === "true"
}

/** The commit that a user names: `HEAD~1`, `origin/main`. Throws `USAGE`. */
export async function resolveCommit(git: Git, revision: string): Promise<string> {
  try {
    const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]
    return (await git.run(args)).toString("utf8").trim()
  } catch (cause) {
    throw new VaultError("USAGE", `${JSON.stringify(revision)} names no commit`, {
      hint: "give a branch, a tag or a commit, for example origin/main",
      cause,
    })
  }
}

/** The files of a commit below `folder`: path from the top, and blob. Links and submodules too. */
export async function committedFiles(
  git: Git,
  commit: string | undefined,
  folder: string,
): Promise<Map<string, BlobId>> {
  if (commit === undefined) return new Map()
  const listing = await git.run(["ls-tree", "-r", "-z", "--full-tree", commit, "--", folder])
  return parseEntries(listing, /^\d+ \w+ (\w+)\t(.*)$/s)
}

/**
 * The plain files of a commit below `folder`, by path from the top. Throws `FILE_UNSAFE` for a link
 * or a submodule: a checkout would put it where a plain file belongs.
 */
export async function plainFiles(
  git: Git,
  commit: string,
  folder: string,
): Promise<Map<string, BlobId>> {
  const listing = await git.run(["ls-tree", "-r", "-z", "--full-tree", commit, "--", folder])
  refuseOthers(listing)
  return parseEntries(listing, /^\d+ \w+ (\w+)\t(.*)$/s)
}

/** Refuses a listing, of a tree or an index, with anything but plain files. Throws `FILE_UNSAFE`. */
export function refuseOthers(listing: Buffer): void {
  for (const entry of listing.toString("utf8").split("\0")) {
    if (entry === "" || /^100(?:644|755) /.test(entry)) continue
    const path = entry.slice(entry.indexOf("\t") + 1)
    throw new VaultError("FILE_UNSAFE", `${path} is refused: Git has no plain file there`, {
      hint: `look who brought it: git log -- ${shellWord(path)}; put a plain file in its place`,
    })
  }
}

/**
 * The contents of files of a vault, by path from its folder. Throws `FILE_UNSAFE` for one that is
 * larger than its limit: it is not read, whatever it would unpack to.
 */
export async function readVaultFiles(
  git: Git,
  files: ReadonlyMap<string, BlobId>,
): Promise<Map<string, Buffer>> {
  const [paths, ids] = [[...files.keys()], [...files.values()]]
  for (const [index, size] of (await sizesOf(git, ids)).entries()) {
    const path = paths[index] ?? ""
    const limit = limitOf(path)
    if (size <= limit) continue
    throw new VaultError("FILE_UNSAFE", `${path} is refused: it is larger than ${limit} bytes`, {
      hint: `look who brought it: git log -- ${shellWord(`*/${path}`)}; put the right file in its place`,
    })
  }
  const contents = await readBlobs(git, ids)
  return new Map(paths.map((path, index) => [path, contents[index] ?? Buffer.alloc(0)]))
}

/** The lengths of objects; 0 for one that is missing. */
export async function sizesOf(git: Git, ids: readonly string[]): Promise<number[]> {
  if (ids.length === 0) return []
  const check = ["cat-file", "--batch-check=%(objectsize)"]
  const sizes = (await git.run(check, { input: `${ids.join("\n")}\n` })).toString("utf8")
  return sizes
    .trimEnd()
    .split("\n")
    .map((line) => Number(/^\d+$/.exec(line)?.[0] ?? 0))
}

/** The contents of blobs, in order. Throws `GIT_FAILED` for one that Git has not. */
export async function readBlobs(git: Git, ids: readonly BlobId[]): Promise<Buffer[]> {
  const objects = await readObjects(git, ids)
  refusePartial(git, objects)
  return objects.map((object, index) => {
    if (object?.type === "blob") return object.bytes
    throw new VaultError("GIT_FAILED", `git has no blob ${ids[index] ?? ""}`, {
      hint: "see what else is missing: git fsck; bring it from a remote: git fetch --refetch",
    })
  })
}

/** Refuses to go on without an object that a partial clone lacks: newer Gits say only that it is missing. */
export function refusePartial(git: Git, objects: readonly (GitObject | undefined)[]): void {
  if (!isPartial(git) || !objects.includes(undefined)) return
  throw new VaultError("GIT_FAILED", PARTIAL.words, { hint: PARTIAL.hint })
}

function isPartial({ configured }: Git): boolean {
  return configured.some(({ key }) =>
    /^(?:extensions\.partialclone|remote\..+\.promisor)$/s.test(key),
  )
}

/** An object as Git has it. */
export interface GitObject {
  readonly id: string
  readonly type: string
  readonly bytes: Buffer
}

/**
 * The objects of these names (an id, or `COMMIT^{tree}`), in order; undefined for one that Git has
 * not. Names hold no line break.
 */
export async function readObjects(
  git: Git,
  names: readonly string[],
  options: RunOptions = {},
): Promise<(GitObject | undefined)[]> {
  if (names.length === 0) return []
  const input = `${names.join("\n")}\n`
  const output = await git.run(["cat-file", "--batch"], { ...options, input })
  const objects: (GitObject | undefined)[] = []
  for (let at = 0; objects.length < names.length;) {
    const end = output.indexOf(10, at)
    const [, id, type, size] = HEADER.exec(output.toString("latin1", at, end)) ?? []
    const start = end + 1
    if (id === undefined || type === undefined) {
      objects.push(undefined)
      at = start
    } else {
      at = start + Number(size) + 1
      objects.push({ id, type, bytes: output.subarray(start, at - 1) })
    }
  }
  return objects
}

/** Before each content; for an object that is not there Git prints words instead. */
const HEADER = /^([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)$/

/** Entries of a listing that ends each with NUL, by path; `pattern` finds blob and path. */
export function parseEntries(
  listing: Buffer,
  pattern: RegExp,
  translate: (id: string) => string = (id) => id,
): Map<string, BlobId> {
  const entries = new Map<string, BlobId>()
  for (const line of listing.toString("utf8").split("\0")) {
    // By index: what takes an array apart in order makes an object for each part of each line.
    const { 1: id, 2: path } = pattern.exec(line) ?? []
    if (id !== undefined && path !== undefined) entries.set(path, translate(id))
  }
  return entries
}
