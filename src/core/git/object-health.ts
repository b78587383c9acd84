import type { BlobId, Git, RunOptions } from "./git.js"
import { type GitObject, committedFiles, objectId, readObjects, sizesOf } from "./git-objects.js"
import { VaultError } from "../words/errors.js"
import type { Progress } from "../words/progress.js"

/** Contents that are read at once, in bytes. */
const TOGETHER = 2 * 1024 * 1024

/** An object that is to be there: its id, or a name that Git finds it by, and about its length. */
export interface Wanted {
  readonly name: string
  readonly length: number
}

/** What became of an object. */
interface Examined {
  readonly name: string
  /** Its id; the name again if it is missing. */
  readonly id: string
  readonly state: "whole" | "missing" | "damaged"
}

/** Reads every object, and computes its id anew; some at once, in order. */
export async function* examineObjects(
  git: Git,
  wanted: readonly Wanted[],
  options: RunOptions = {},
): AsyncGenerator<readonly Examined[]> {
  for (const names of inPortions(wanted)) yield await examine(git, names, options)
}

async function examine(
  git: Git,
  names: readonly string[],
  options: RunOptions,
): Promise<Examined[]> {
  try {
    const objects = await readObjects(git, names, options)
    return objects.map((object, index) => judge(git, names[index] ?? "", object))
  } catch (error) {
    if (!VaultError.is(error, "GIT_FAILED")) throw error
    // Git ends at the first object that it cannot unpack.
    const [name = ""] = names
    if (names.length === 1) return [{ name, id: name, state: "damaged" }]
    const half = names.length / 2
    const first = await examine(git, names.slice(0, half), options)
    return [...first, ...(await examine(git, names.slice(half), options))]
  }
}

function judge({ hash }: Git, name: string, object: GitObject | undefined): Examined {
  if (object === undefined) return { name, id: name, state: "missing" }
  const { id, type, bytes } = object
  return { name, id, state: objectId(type, bytes, hash) === id ? "whole" : "damaged" }
}

/** A file of a commit whose blob Git lacks, or holds damaged. */
export interface LackingFile {
  /** From the top of the work tree. */
  readonly path: string
  readonly id: BlobId
  readonly state: "missing" | "damaged"
}

/** The files below `folder` in a commit that Git could not hand out. */
export async function lackingFiles(
  git: Git,
  commit: string | undefined,
  folder: string,
  onProgress?: Progress,
): Promise<LackingFile[]> {
  const files = [...(await committedFiles(git, commit, folder))]
  const sizes = await sizesOf(
    git,
    files.map(([, id]) => id),
  )
  const wanted = files.map(([, id], index) => ({ name: id, length: sizes[index] ?? 0 }))
  const lacking: LackingFile[] = []
  let index = 0
  for await (const portion of examineObjects(git, wanted)) {
    for (const { id, state } of portion) {
      const path = files[index++]?.[0] ?? ""
      if (state !== "whole") lacking.push({ path, id, state })
      onProgress?.(index, files.length, "checking Git's copies")
    }
  }
  return lacking
}

function* inPortions(wanted: readonly Wanted[]): Generator<string[]> {
  let [names, length]: [string[], number] = [[], 0]
  for (const each of wanted) {
    if (length > 0 && length + each.length > TOGETHER) {
      yield names
      ;[names, length] = [[], 0]
    }
    names.push(each.name)
    length += each.length
  }
  yield names
}
