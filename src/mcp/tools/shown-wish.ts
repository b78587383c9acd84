import { shellWord } from "../../core/index.js"
import type { AccessAsked } from "../../core/owner.js"
import { TEXT, listOf } from "../calls/tool.js"

/** Where a wish stands, as a model gets it. */
interface WishFacts {
  readonly is: "pending" | "asked" | "asked-already"
  readonly branch?: string
  readonly at?: string
  readonly pushed?: boolean
  /** What an owner types. */
  readonly owner: readonly string[]
  readonly note?: string
}

/** The same, but for `is`, in the schema of what a tool gives. */
export const WISH_SCHEMA = {
  branch: TEXT,
  at: { ...TEXT, description: "when it was asked for. UTC" },
  pushed: { type: "boolean", description: "whether the branch is at the remote too" },
  owner: {
    ...listOf(TEXT),
    description: "what an owner types, a line each: pass it on to the person",
  },
  note: TEXT,
} as const

/**
 * What is known of a wish, with what an owner types for it, after what brings the branch in if
 * `merges` says that they merge it.
 */
export function wishFacts(
  { wish, shared }: Required<Pick<AccessAsked, "wish">> & Pick<AccessAsked, "shared">,
  lines: readonly string[],
  notes: readonly string[],
  merges = false,
): WishFacts {
  if (wish.is === "pending") {
    return { is: wish.is, owner: lines, note: sentence(["the manifest says so already", ...notes]) }
  }
  const { is, branch, at } = wish
  const { remote, pushed = false, why } = shared ?? {}
  const share = remote === undefined ? "" : `; to share it: git push ${shellWord(remote)} ${branch}`
  const all = [
    ...(why === undefined ? [] : [`it was not pushed: ${why}`]),
    ...(pushed ? [] : [`the branch is in this clone alone${share}`]),
    ...notes,
  ]
  const merge =
    remote !== undefined && pushed
      ? [`git fetch ${shellWord(remote)}`, `git merge ${shellWord(`${remote}/${branch}`)}`]
      : [`git merge ${branch}`]
  const owner = merges ? [...merge, ...lines] : lines
  return { is, branch, at, pushed, owner, note: sentence(all) }
}

function sentence(notes: readonly string[]): string {
  return `${notes.join("; ")}.`
}
