import { LIMITS } from "../words/limits.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import { parseAgentName, parseGroupName } from "../words/names.js"
import { manifestProblem } from "./schema.js"
import { parseTime } from "../words/time.js"
import {
  type Document,
  type YAMLMap,
  type YAMLSeq,
  isMap,
  isNode,
  isSeq,
  parseStrictYaml,
} from "./yaml.js"

/** A line of the manifest: this agent should open this group. */
export interface Grant {
  readonly agent: string
  readonly group: string
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly until?: string
  readonly reason?: string
}

/** The access manifest: who should open what. A wish, until an owner applies it. */
export interface Manifest {
  readonly version: 1
  readonly vault: string
  readonly groups: Readonly<Record<string, { readonly description?: string }>>
  readonly grants: readonly Grant[]
}

/** A change of the manifest's text that leaves comments and order as they are. */
export type ManifestEdit =
  | { readonly do: "add-group"; readonly group: string; readonly description?: string | undefined }
  | { readonly do: "drop-group"; readonly group: string }
  | { readonly do: "put-grant"; readonly grant: Grant }
  | { readonly do: "drop-grant"; readonly agent: string; readonly group: string }

/** The text of a new vault's manifest. */
export function newManifest(vault: string): string {
  return [
    "# Who should open what. Edit it, review it, merge it; an owner makes it so: agent-vault apply",
    "version: 1",
    `vault: ${vault}`,
    "groups: {}",
    "grants: []",
    "",
  ].join("\n")
}

/** Parses and checks a manifest. Throws `MANIFEST_INVALID`. */
export function parseManifest(bytes: Uint8Array, vault: string): Manifest {
  return check(parseYaml(bytes).toJS({ maxAliasCount: 0 }), vault)
}

/** The vault that a manifest says it belongs to, whatever else it says. Throws `MANIFEST_INVALID`. */
export function vaultNamedIn(bytes: Uint8Array): string {
  return String(parseYaml(bytes).get("vault"))
}

/** The manifest's bytes after `edits`. Throws `MANIFEST_INVALID`. */
export function editManifest(
  bytes: Uint8Array,
  vault: string,
  edits: readonly ManifestEdit[],
): Uint8Array {
  if (edits.length === 0) return bytes
  const document = parseYaml(bytes)
  check(document.toJS(), vault)
  for (const edit of edits) applyEdit(document, edit)
  const edited = Buffer.from(document.toString({ lineWidth: 0 }), "utf8")
  parseManifest(edited, vault)
  return edited
}

function parseYaml(bytes: Uint8Array): Document {
  return parseStrictYaml(bytes, LIMITS.manifest, invalid)
}

function check(value: unknown, vault: string): Manifest {
  const problem = manifestProblem(value)
  if (problem?.includes("/until") === true) throw invalid(`${problem}: write 2026-12-01T00:00:00Z`)
  if (problem !== undefined) throw invalid(problem)
  const manifest = value as Manifest
  if (manifest.vault !== vault) throw invalid(`it belongs to another vault, ${manifest.vault}`)
  checkNames(manifest)
  return manifest
}

function checkNames({ groups, grants }: Manifest): void {
  const folded = new Map<string, string>()
  for (const name of Object.keys(groups)) {
    explained(() => parseGroupName(name))
    const other = folded.get(name.toLowerCase())
    if (other !== undefined) throw invalid(`the groups ${name} and ${other} differ only in case`)
    folded.set(name.toLowerCase(), name)
  }
  const seen = new Set<string>()
  for (const { agent, group, until } of grants) {
    explained(() => parseAgentName(agent))
    if (!Object.hasOwn(groups, group)) {
      throw invalid(`a grant names the group ${group}, which is not listed`)
    }
    if (seen.has(`${agent}/${group}`)) throw invalid(`${agent} -> ${group} is granted twice`)
    seen.add(`${agent}/${group}`)
    if (until !== undefined) explained(() => parseTime(until))
  }
}

/** What is wrong with a name or a time is wrong with the manifest, not with the call. */
function explained(parse: () => string): void {
  try {
    parse()
  } catch (error) {
    throw error instanceof VaultError ? invalid(error.message, error) : error
  }
}

function applyEdit(document: Document, edit: ManifestEdit): void {
  if (edit.do === "add-group") return addGroup(document, edit.group, edit.description)
  if (edit.do === "drop-group") return dropGroup(document, edit.group)
  const grants = document.get("grants")
  if (!isSeq(grants)) throw invalid("grants is not a list")
  const { agent, group } = edit.do === "put-grant" ? edit.grant : edit
  const index = grants.items.findIndex(
    (item) => isMap(item) && item.get("agent") === agent && item.get("group") === group,
  )
  if (edit.do === "put-grant") putGrant(document, grants, index, edit.grant)
  else if (index >= 0) dropGrant(grants, index)
  grants.flow = grants.items.length === 0
}

function putGrant(document: Document, grants: YAMLSeq, index: number, grant: Grant): void {
  const line = document.createNode(grant, { flow: true })
  const old = grants.items[index]
  if (!isNode(old)) {
    grants.items.push(line)
    return
  }
  line.commentBefore = old.commentBefore ?? null
  line.comment = old.comment ?? null
  grants.items[index] = line
}

/** A comment above the line may speak of those below it, so it stays. */
function dropGrant(grants: YAMLSeq, index: number): void {
  const [dropped] = grants.items.splice(index, 1)
  const comment = isNode(dropped) ? dropped.commentBefore : undefined
  if (!comment) return
  const next = grants.items[index]
  if (isNode(next)) next.commentBefore = [comment, next.commentBefore].filter(Boolean).join("\n")
  else grants.comment = [comment, grants.comment].filter(Boolean).join("\n")
}

/** A group that is there already keeps what is said of it, unless something else is. */
function addGroup(document: Document, group: string, description: string | undefined): void {
  const groups = groupsOf(document)
  if (groups.has(group) && description === undefined) return
  const said = document.createNode(description === undefined ? {} : { description }, { flow: true })
  groups.set(groups.has(group) ? group : document.createNode(group), said)
  groups.flow = false
}

function dropGroup(document: Document, group: string): void {
  const groups = groupsOf(document)
  groups.delete(group)
  groups.flow = groups.items.length === 0
}

function groupsOf(document: Document): YAMLMap {
  const groups = document.get("groups")
  if (!isMap(groups)) throw invalid("groups is not a map")
  return groups
}

function invalid(why: string, cause?: unknown): VaultError {
  return new VaultError("MANIFEST_INVALID", `${MANIFEST} is not valid: ${why}`, {
    hint: "correct it in an editor (its schema: .vault-manifest.schema.json of agent-vault), then: agent-vault apply --dry-run",
    cause,
  })
}
