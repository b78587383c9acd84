import { createHash } from "node:crypto"
import { VaultError } from "../words/errors.js"
import type { BlobId, Git } from "./git.js"

/** The id that Git gives a blob of these bytes. */
export function blobId(bytes: Uint8Array, hash: Git["hash"]): BlobId {
  return createHash(hash).update(`blob ${bytes.length}\0`).update(bytes).digest("hex")
}

/** The commit that a ref names; undefined when it does not exist. */
export async function commitOf(git: Git, ref: string): Promise<string | undefined> {
  const found = await git.run(["for-each-ref", "--format=%(refname) %(objectname)", ref])
  const line = found
    .toString("utf8")
    .split("\n")
    .find((text) => text.startsWith(`${ref} `))
  return line?.slice(ref.length + 1)
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

/** The contents of blobs, in order. */
export async function readBlobs(git: Git, ids: readonly BlobId[]): Promise<Buffer[]> {
  if (ids.length === 0) return []
  const output = await git.run(["cat-file", "--batch"], { input: `${ids.join("\n")}\n` })
  const blobs: Buffer[] = []
  for (let at = 0; blobs.length < ids.length;) {
    const end = output.indexOf(10, at)
    const [, type, size] = output.toString("latin1", at, end).split(" ")
    if (type !== "blob") {
      throw new VaultError("GIT_FAILED", `git has no blob ${ids[blobs.length] ?? ""}`)
    }
    at = end + 1 + Number(size) + 1
    blobs.push(output.subarray(end + 1, at - 1))
  }
  return blobs
}

/** Entries of a listing that ends each with NUL, by path; `pattern` finds blob and path. */
export function parseEntries(
  listing: Buffer,
  pattern: RegExp,
  translate: (id: string) => string = (id) => id,
): Map<string, BlobId> {
  const entries = new Map<string, BlobId>()
  for (const line of listing.toString("utf8").split("\0")) {
    const [, id, path] = pattern.exec(line) ?? []
    if (id !== undefined && path !== undefined) entries.set(path, translate(id))
  }
  return entries
}
