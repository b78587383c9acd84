import { VaultError } from "../words/errors.js"
import type { Grant } from "./manifest.js"
import { type Document, YAMLMap, YAMLSeq, isMap, isNode, isScalar, isSeq } from "./yaml.js"

/** A change of the manifest's text that leaves comments and order as they are. */
export type ManifestEdit = GroupEdit | GrantEdit

type GroupEdit =
  | { readonly do: "add-group"; readonly group: string; readonly description?: string | undefined }
  | { readonly do: "drop-group"; readonly group: string }

type GrantEdit =
  | { readonly do: "put-grant"; readonly grant: Grant }
  | { readonly do: "drop-grant"; readonly agent: string; readonly group: string }

/**
 * The text of a parsed manifest after `edits`; it cannot be edited again. `document` is a
 * {@link Document}, which no type of the library may name: who uses it has no yaml.
 */
export function editedText(document: object, edits: readonly ManifestEdit[]): string {
  const editable = document as Document
  applyEdits(editable, edits)
  return editable.toString({ lineWidth: 0, nullStr: "" })
}

/** Finds the lines once: there may be thousands of edits, of thousands of lines. */
function applyEdits(document: Document, edits: readonly ManifestEdit[]): void {
  const [ofGroups, ofGrants]: [GroupEdit[], GrantEdit[]] = [[], []]
  for (const edit of edits) {
    if (edit.do === "add-group" || edit.do === "drop-group") ofGroups.push(edit)
    else ofGrants.push(edit)
  }
  if (ofGroups.length > 0) editGroups(document, ofGroups)
  if (ofGrants.length > 0) editGrants(document, ofGrants)
}

function editGrants(document: Document, edits: readonly GrantEdit[]): void {
  const grants = grantsIn(document)
  const lines = linesOf(grants)
  const dropped = new Set<number>()
  for (const edit of edits) {
    if (edit.do === "put-grant") {
      putGrant(document, grants, lines, edit.grant)
      continue
    }
    const line = lines.get(lineKey(edit))
    if (line !== undefined) dropped.add(line)
    lines.delete(lineKey(edit))
  }
  if (dropped.size > 0) dropLines(grants, dropped)
  putBack(document, "grants", grants)
}

/** Nothing at all has no place for a comment. */
function putBack(document: Document, name: string, whole: YAMLMap | YAMLSeq): void {
  const isEmpty = whole.items.length === 0
  document.set(name, isEmpty && !whole.comment && !whole.commentBefore ? null : whole)
  whole.flow = isEmpty
}

/** An empty list or map in place of nothing, with the comment that stands there. */
function emptyLike<T extends YAMLMap | YAMLSeq>(node: unknown, empty: T, name: string): T {
  if (!isScalar(node) || node.value !== null) throw unlike(name)
  empty.commentBefore = node.commentBefore ?? node.comment ?? null
  return empty
}

function grantsIn(document: Document): YAMLSeq {
  const node = document.get("grants", true)
  return isSeq(node) ? node : emptyLike(node, new YAMLSeq(), "grants")
}

function lineKey({ agent, group }: Pick<Grant, "agent" | "group">): string {
  return `${agent} ${group}`
}

/** Where the line of each grant stands. */
function linesOf(grants: YAMLSeq): Map<string, number> {
  return new Map(
    grants.items.map((item, line) => {
      const [agent, group] = isMap(item) ? [item.get("agent"), item.get("group")] : []
      return [lineKey({ agent: String(agent), group: String(group) }), line]
    }),
  )
}

function putGrant(
  document: Document,
  grants: YAMLSeq,
  lines: Map<string, number>,
  grant: Grant,
): void {
  const line = document.createNode(grant, { flow: true })
  const at = lines.get(lineKey(grant)) ?? grants.items.length
  const old = grants.items[at]
  if (isNode(old)) {
    line.commentBefore = old.commentBefore ?? null
    line.comment = old.comment ?? null
  }
  grants.items[at] = line
  lines.set(lineKey(grant), at)
}

/** A comment above a line may speak of those below it, so it stays. */
function dropLines(grants: YAMLSeq, dropped: ReadonlySet<number>): void {
  const kept: unknown[] = []
  let comments: string[] = []
  for (const [line, item] of grants.items.entries()) {
    const own = isNode(item) ? item.commentBefore : undefined
    if (own) comments.push(own)
    if (dropped.has(line)) continue
    if (isNode(item) && comments.length > 0) item.commentBefore = comments.join("\n")
    comments = []
    kept.push(item)
  }
  if (grants.comment) comments.push(grants.comment)
  if (comments.length > 0) grants.comment = comments.join("\n")
  grants.items = kept
}

function editGroups(document: Document, edits: readonly GroupEdit[]): void {
  const groups = groupsIn(document)
  const pairs = new Map(groups.items.map((pair) => [String(pair.key), pair]))
  for (const edit of edits) {
    if (edit.do === "drop-group") pairs.delete(edit.group)
    else addGroup(document, pairs, edit.group, edit.description)
  }
  groups.items = [...pairs.values()]
  putBack(document, "groups", groups)
}

function groupsIn(document: Document): YAMLMap {
  const node = document.get("groups", true)
  return isMap(node) ? node : emptyLike(node, new YAMLMap(), "groups")
}

/** A group that is there already keeps what is said of it, unless something else is. */
function addGroup(
  document: Document,
  pairs: Map<string, YAMLMap["items"][number]>,
  group: string,
  description: string | undefined,
): void {
  const there = pairs.get(group)
  if (there !== undefined && description === undefined) return
  const said = document.createNode(description === undefined ? {} : { description }, { flow: true })
  if (there === undefined) pairs.set(group, document.createPair(group, said))
  else there.value = said
}

/** The schema was asked before. */
function unlike(what: string): VaultError {
  return new VaultError("BUG", `the ${what} of a manifest are not what its schema says`)
}
