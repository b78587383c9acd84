import type { Git } from "../git/git.js"
import { type BlobChange, changesBelow, changesOf } from "../undone/blobs.js"
import { VAULT_RECORD, classify } from "../words/layout.js"

type Changes = ReadonlyMap<string, readonly BlobChange[]>

/**
 * The folders in which a vault lies, or lay, in the commits of a repository: its own first, then those
 * from which commits moved it, and to which commits of other branches did. Git says so, which nobody
 * signs: it leads to records, and each of them is verified.
 */
export async function formerFolders(git: Git, folder: string): Promise<readonly string[]> {
  const folders = new Set([folder])
  for (const each of folders) {
    const record = `${each}/${VAULT_RECORD}`
    const changes = (await changesBelow(git, { tips: ["--all"] }, record)).get(record) ?? []
    const moves = changes.filter(cameOrWent).map(({ commit }) => commit)
    for (const other of movedWith(each, await changesOf(git, moves, "."))) folders.add(other)
  }
  return [...folders]
}

/** The folders that have lost, or gained, a signed record of the folder in the commit that moved it. */
function movedWith(folder: string, changes: Changes): Set<string> {
  const own = signedRecordsIn(folder, changes)
  const others = [...changes].filter(([path]) => !path.startsWith(`${folder}/`))
  return new Set(
    others.flatMap(([path, ofPath]) =>
      ofPath.filter(cameOrWent).flatMap((change) => {
        const record = own.get(moveOf(change))
        if (record === undefined || !path.endsWith(`/${record}`)) return []
        return [path.slice(0, -record.length - 1)]
      }),
    ),
  )
}

/** A signed record is of one vault: no other one has the same bytes. */
function signedRecordsIn(folder: string, changes: Changes): ReadonlyMap<string, string> {
  const records = [...changes].filter(([path]) => {
    return path.startsWith(`${folder}/`) && SIGNED.has(classify(path.slice(folder.length + 1)).is)
  })
  return new Map(
    records.flatMap(([path, ofPath]) =>
      ofPath
        .filter(cameOrWent)
        .map((change) => [moveOf(change), path.slice(folder.length + 1)] as const),
    ),
  )
}

const SIGNED: ReadonlySet<string> = new Set(["vault", "agent", "group", "secret"])

function cameOrWent({ before, after }: BlobChange): boolean {
  return (before === undefined) !== (after === undefined)
}

function moveOf({ commit, before, after }: BlobChange): string {
  return `${commit} ${before ?? after ?? ""}`
}
