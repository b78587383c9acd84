import { readlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { isBehindLink, lookAt } from "../disk/at-path.js"
import { readRegularFile, removeEmptyFolder, removeFile } from "../disk/files.js"
import { type BlobId, type Git, openGit } from "../git/git.js"
import { lockingFiles } from "../git/git-locks.js"
import { blobId, parseEntries } from "../git/git-objects.js"
import { withoutPrograms } from "../git/git-programs.js"
import { LIMITS } from "../words/limits.js"
import { accessing } from "../words/system-error.js"
import type { Journal } from "./journal.js"

// A git that moves a work tree forward looks first that every file it will change is as committed.
// Then it takes file after file away and writes it anew, then the index, and moves the branch last.
// So if the branch did not move, a file that is gone, or new, or the beginning of the new one, is what
// that git left. To bring back the old one loses nothing: the commits hold both.

/** A file that the move changes, from the top: `MODE BLOB` on each side, `` where it is not there. */
interface MovedFile {
  readonly path: string
  readonly before: string
  readonly after: string
}

/** By path, each as `MODE BLOB`. */
type StagedEntries = ReadonlyMap<string, string>

/** Brings files and index back to where the branch is, where a git that is gone left them half moved. */
export async function takeBack(opened: Git, { from, to }: Journal): Promise<void> {
  if (from === null) return
  // The move may have brought settings, in a file of the work tree that those of the clone include.
  const git = await openGit(opened.checkout, opened.env)
  const staged = await stagedFiles(git)
  const isOurs = ({ path, before, after }: MovedFile): boolean =>
    [before, after].includes(staged.get(path) ?? "") && !isBehindLink(git.checkout.top, path)
  const files = (await movedFiles(git, from, to)).filter(isOurs)
  // Git knows nothing of those, and they may stand where others belong.
  const isUnknown = ({ path }: MovedFile): boolean => !staged.has(path)
  const unknown = files.filter((file) => file.before === "" && isUnknown(file))
  for (const { path } of await leftOf(git, to, unknown, staged)) {
    removeWithFolders(git.checkout.top, path)
  }
  const known = files.filter((file) => !unknown.includes(file))
  const left = await leftOf(git, to, known, staged)
  if (left.length === 0) return
  const paths = ["--pathspec-from-file=-", "--pathspec-file-nul"]
  const restore = ["restore", `--source=${from}`, "--staged", "--worktree", ...paths]
  const input = left.map(({ path }) => `${path}\0`).join("")
  await lockingFiles(git, ["index"], () =>
    git.run([...withoutPrograms(git), ...restore], { input }),
  )
}

async function movedFiles(git: Git, from: string, to: string): Promise<MovedFile[]> {
  const diff = ["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", "--raw", from, to]
  const parts = (await git.run(diff)).toString("utf8").split("\0")
  return parts.flatMap((part, index) => {
    const [, mode = "", newMode = "", id = "", newId = ""] =
      /^:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) [A-Z]/.exec(part) ?? []
    const path = parts[index + 1]
    // A submodule has a work tree of its own; a line break would end the name too early.
    if (mode === "" || path === undefined || /^160000$/m.test(`${mode}\n${newMode}`)) return []
    return path.includes("\n")
      ? []
      : [{ path, before: entry(mode, id), after: entry(newMode, newId) }]
  })
}

function entry(mode: string, id: string): string {
  return mode === "000000" ? "" : `${mode} ${id}`
}

/** What is staged, as `MODE BLOB`; not what a sparse checkout leaves out, nor what is in conflict. */
async function stagedFiles(git: Git): Promise<StagedEntries> {
  const listing = await git.run(["ls-files", "-t", "-s", "-z", "--full-name"])
  return parseEntries(listing, /^([A-Z] \d+ \w+ \d)\t(.*)$/s, (line) =>
    line.startsWith("H ") && line.endsWith(" 0") ? line.slice(2, -2) : "other",
  )
}

/** Those of the files that are otherwise than before, and that the move left so. */
async function leftOf(
  git: Git,
  to: string,
  files: readonly MovedFile[],
  staged: StagedEntries,
): Promise<MovedFile[]> {
  const present = await presentBlobs(git, files)
  const left: MovedFile[] = []
  for (const file of files) {
    const { path, before, after } = file
    const blob = present.get(path) ?? ""
    const isOfSide = ["", blobOf(before), blobOf(after)].includes(blob)
    const isSame = blob === blobOf(before) && (staged.get(path) ?? "") === before
    const isMode = isSame && before !== "" && blobOf(after) === blob
    if (isOfSide ? isMode || !isSame : await isBeginning(git, file, to)) {
      left.push(file)
    }
  }
  return left
}

function blobOf(side: string): string {
  return side.slice(side.indexOf(" ") + 1)
}

/** The blobs that files of the work tree would be; none for what is not there. */
async function presentBlobs(git: Git, files: readonly MovedFile[]): Promise<Map<string, BlobId>> {
  const blobs = new Map<string, BlobId>()
  const plain: string[] = []
  for (const { path } of files) {
    const file = join(git.checkout.top, path)
    const stat = lookAt(file)
    if (stat?.isFile() === true) plain.push(path)
    else if (stat?.isSymbolicLink() === true) {
      const target = accessing("read", file, () => readlinkSync(file, "buffer"))
      blobs.set(path, blobId(target, git.hash))
    } else if (stat !== undefined) blobs.set(path, "other")
  }
  if (plain.length === 0) return blobs
  // Line ends and the like are turned to what Git keeps.
  const hash = [...withoutPrograms(git), "hash-object", "--stdin-paths"]
  const ids = (await git.run(hash, { input: plain.map((path) => `${path}\n`).join("") }))
    .toString("utf8")
    .split("\n")
  for (const [index, path] of plain.entries()) blobs.set(path, ids[index] ?? "other")
  return blobs
}

/** Whether a file is the beginning of what Git writes there for a commit. */
async function isBeginning(git: Git, { path, after }: MovedFile, commit: string): Promise<boolean> {
  if (after === "") return false
  const file = join(git.checkout.top, path)
  const stat = lookAt(file)
  if (stat?.isFile() !== true || stat.size > LIMITS.halfFile) return false
  const there = readRegularFile(file, LIMITS.halfFile) ?? Buffer.alloc(0)
  const show = ["cat-file", "--filters", `${commit}:${path}`]
  const whole = await git.run([...withoutPrograms(git), ...show])
  return there.length < whole.length && whole.subarray(0, there.length).equals(there)
}

/** Git keeps no empty folders. */
function removeWithFolders(top: string, path: string): void {
  removeFile(join(top, path))
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    removeEmptyFolder(join(top, folder))
  }
}
