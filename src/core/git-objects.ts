import { createHash } from "node:crypto"
import { join } from "node:path"
import { VaultError } from "./errors.js"
import { readRegularFile, removeFile } from "./files.js"
import type { BlobId, Git } from "./git.js"
import { changeFolder } from "./journal-file.js"
import { SEALED_LIMIT } from "./layout.js"

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

/** The files of the user's index below `folder`; a conflicted one has no blob that matches any. */
export async function stagedFiles(git: Git, folder: string): Promise<Map<string, BlobId>> {
  return parseEntries(
    await git.run(["ls-files", "-s", "-z", "--full-name", "--", folder]),
    /^\d+ (\w+ \d)\t(.*)$/s,
    (id) => (id.endsWith(" 0") ? id.slice(0, -2) : "in conflict"),
  )
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

/** Writes blobs, all in one pack or, when few, as loose objects. */
export async function writeBlobs(git: Git, contents: readonly Uint8Array[]): Promise<void> {
  if (contents.length === 0) return
  const stream = contents.flatMap((bytes) => [
    Buffer.from(`blob\ndata ${bytes.length}\n`),
    bytes,
    Buffer.from("\n"),
  ])
  await git.run(["fast-import", "--quiet", "--done"], {
    input: Buffer.concat([...stream, Buffer.from("done\n")]),
  })
}

/** A commit on `parent` with these blobs put in (or, undefined, taken out), by way of our own index. */
export async function commitBlobs(
  git: Git,
  parent: string | undefined,
  blobs: ReadonlyMap<string, BlobId | undefined>,
  message: string,
): Promise<string> {
  const indexFile = join(changeFolder(git.checkout.gitFolder), "index")
  try {
    const base = parent === undefined ? "--empty" : parent
    await git.run(["read-tree", base], { indexFile })
    const input = indexInfo(git, blobs)
    await git.run(["update-index", "-z", "--index-info"], { indexFile, input })
    const tree = (await git.run(["write-tree"], { indexFile })).toString("utf8").trim()
    return await writeCommit(git, tree, parent, message)
  } finally {
    removeFile(indexFile)
    removeFile(`${indexFile}.lock`)
  }
}

/** The blob of what the work tree holds at `path`; undefined when there is nothing. */
export function blobInWorkTree(git: Git, path: string): BlobId | undefined {
  const bytes = readRegularFile(join(git.checkout.top, path), SEALED_LIMIT, path)
  return bytes === undefined ? undefined : blobId(bytes, git.hash)
}

/** Puts `files` into the user's index and touches nothing else in it. */
export async function stage(
  git: Git,
  files: ReadonlyMap<string, BlobId | undefined>,
): Promise<void> {
  if (files.size === 0) return
  await git.run(["update-index", "-z", "--index-info"], { input: indexInfo(git, files) })
}

/** Makes a commit with the user's own identity, signed if his global configuration says so. */
async function writeCommit(
  git: Git,
  tree: string,
  parent: string | undefined,
  message: string,
): Promise<string> {
  const signing = await signingArguments(git)
  const parents = parent === undefined ? [] : ["-p", parent]
  const args = [...signing.config, "commit-tree", tree, ...parents, ...signing.flags]
  return (await git.run(args, { input: `${message}\n` })).toString("utf8").trim()
}

/** Moves a ref, if it still is where it was. Throws `CONFLICT`. */
export async function moveRef(
  git: Git,
  ref: string,
  to: string,
  from: string | undefined,
  why: string,
): Promise<void> {
  const zero = "0".repeat(to.length)
  try {
    await git.run(["update-ref", "-m", why, "--no-deref", ref, to, from ?? zero])
  } catch (cause) {
    if ((await commitOf(git, ref)) === from) throw cause
    throw new VaultError("CONFLICT", `${ref} moved while the change was made`, {
      hint: "repeat the command",
      cause,
    })
  }
}

/** Only the user's own configuration may name a program to sign with; a repository's may not. */
async function signingArguments(git: Git): Promise<{ config: string[]; flags: string[] }> {
  const listing = (await git.run(["config", "--list", "--show-scope", "-z"])).toString("utf8")
  const fields = listing.split("\0")
  const own = new Map<string, string>()
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [key = "", value = "true"] = splitOnce(fields[at + 1] ?? "", "\n")
    if (fields[at] === "global" || fields[at] === "system") own.set(key, value)
  }
  if (!["true", "yes", "on", "1"].includes(own.get("commit.gpgsign") ?? "false")) {
    return { config: [], flags: [] }
  }
  const format = own.get("gpg.format") ?? "openpgp"
  const settings = {
    "gpg.format": format,
    "gpg.program": own.get("gpg.program") ?? own.get("gpg.openpgp.program") ?? "gpg",
    "gpg.openpgp.program": own.get("gpg.openpgp.program") ?? own.get("gpg.program") ?? "gpg",
    "gpg.ssh.program": own.get("gpg.ssh.program") ?? "ssh-keygen",
    "gpg.x509.program": own.get("gpg.x509.program") ?? "gpgsm",
  }
  return {
    config: Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    flags: ["-S"],
  }
}

function indexInfo(git: Git, files: ReadonlyMap<string, BlobId | undefined>): string {
  const zero = "0".repeat(git.hash === "sha1" ? 40 : 64)
  return [...files]
    .map(([path, id]) => (id === undefined ? `0 ${zero}\t${path}\0` : `100644 ${id}\t${path}\0`))
    .join("")
}

function parseEntries(
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

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
