import { join } from "node:path"
import { TEMPORARY } from "../disk/abandoned.js"
import { createFile, removeFolder } from "../disk/files.js"
import { changeFolder, refuseLinkedFolder } from "../disk/journal-file.js"
import { nameByMaker } from "../disk/maker.js"
import { attempted } from "../words/system-error.js"
import type { Git } from "./git.js"

const PRIVATE = 0o600

/** Three versions of a file. */
export interface ThreeTexts {
  /** The one that the other two come from; nothing, if each made the file anew. */
  readonly base: Uint8Array
  readonly ours: Uint8Array
  readonly theirs: Uint8Array
}

/** Merges text as git does, but where both sides changed the same lines, it keeps those of both. */
export async function mergeText(git: Git, versions: ThreeTexts): Promise<Uint8Array> {
  refuseLinkedFolder(git.checkout.gitFolder)
  const folder = join(changeFolder(git.checkout.gitFolder), nameByMaker(TEMPORARY))
  try {
    const files = (["ours", "base", "theirs"] as const).map((side) => {
      const file = join(folder, side)
      createFile(file, versions[side], PRIVATE)
      return file
    })
    return await git.run(["merge-file", "--union", "-p", "--", ...files])
  } finally {
    // What stays of it is removed by a later command.
    attempted(() => removeFolder(folder))
  }
}
