import { isDeepStrictEqual } from "node:util"
import { hasMergeMarkers } from "../words/markers.js"
import { LIMITS } from "../words/limits.js"
import { VaultError } from "../words/errors.js"
import { MANIFEST } from "../words/layout.js"
import { parseAgentName, parseGroupName } from "../words/names.js"
import { manifestProblem } from "./schema.js"
import { parseTime } from "../words/time.js"
import { type ManifestEdit, editedText } from "./manifest-edits.js"
import { type Document, parseStrictYaml } from "./yaml.js"

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

/** The text of a new vault's manifest. */
export function newManifest(vault: string): string {
  return [
    "# Who should open what. Edit it, review it, merge it; an owner makes it so: agent-vault apply",
    "version: 1",
    `vault: ${vault}`,
    "groups:",
    "grants:",
    "",
  ].join("\n")
}

/** A manifest's bytes, what they say, and what an edit of them begins with. */
export interface ParsedManifest {
  readonly bytes: Uint8Array
  readonly manifest: Manifest
  /** For {@link editedText}. */
  readonly document: object
}

/** Parses and checks a manifest. Throws `MANIFEST_INVALID`. */
export function parseManifest(bytes: Uint8Array, vault: string): Manifest {
  return parseForEdits(bytes, vault).manifest
}

/** The same, for who may edit it as well. Throws `MANIFEST_INVALID`. */
export function parseForEdits(bytes: Uint8Array, vault: string): ParsedManifest {
  const document = parseYaml(bytes)
  return { bytes, document, manifest: check(document.toJS({ maxAliasCount: 0 }), vault) }
}

/** The vault that a manifest says it belongs to, whatever else it says, even if it is not valid. */
export function vaultNamedIn(bytes: Uint8Array): string {
  return /^vault:[ \t]*["']?([0-9a-f]+)/m.exec(Buffer.from(bytes).toString("utf8"))?.[1] ?? ""
}

/** The manifest's bytes after `edits`. Throws `MANIFEST_INVALID`. */
export function editManifest(
  bytes: Uint8Array,
  vault: string,
  edits: readonly ManifestEdit[],
): Uint8Array {
  return edits.length === 0 ? bytes : edited(parseForEdits(bytes, vault), edits).bytes
}

/**
 * A manifest after `edits`, parsed and checked anew; the one before cannot be edited again. Throws
 * `MANIFEST_INVALID`.
 */
export function edited(
  { document, manifest: { vault } }: ParsedManifest,
  edits: readonly ManifestEdit[],
): ParsedManifest {
  return parseForEdits(Buffer.from(editedText(document, edits), "utf8"), vault)
}

/**
 * The manifest's bytes with one more line at the end, which is read by people alone. `comment` has no
 * line breaks. Throws `MANIFEST_INVALID`.
 */
export function withComment(bytes: Uint8Array, vault: string, comment: string): Uint8Array {
  const before = parseManifest(bytes, vault)
  const text = Buffer.from(bytes).toString("utf8")
  const after = Buffer.from(`${text}${/(?:^|\n)$/.test(text) ? "" : "\n"}# ${comment}\n`)
  if (isDeepStrictEqual(parseManifest(after, vault), before)) return after
  throw new VaultError("BUG", "a comment changed what the manifest says")
}

function parseYaml(bytes: Uint8Array): Document {
  return parseStrictYaml(bytes, LIMITS.manifest, (why, cause) => {
    if (hasMergeMarkers(bytes)) return inConflict()
    return invalid(belowNothing(bytes) ?? why, cause)
  })
}

const BELOW_NOTHING =
  /^(grants:[ \t]*\[\]|groups:[ \t]*\{\})[ \t]*\r?\n(?:[ \t]*(?:#.*)?\r?\n)*(?:[ \t]*- |[ \t]+[^\s#])/m

/** Says so if a line was added below what is written where there are no grants, or no groups. */
function belowNothing(bytes: Uint8Array): string | undefined {
  const [, whole] = BELOW_NOTHING.exec(Buffer.from(bytes).toString("utf8")) ?? []
  if (whole === undefined) return undefined
  return `\`${whole}\` is all of it, with no room for lines below: write \`${whole.slice(0, whole.indexOf(":") + 1)}\``
}

function check(value: unknown, vault: string): Manifest {
  refuseTooMany(value)
  const problem = manifestProblem(value)
  if (problem?.includes("/until") === true) throw invalid(`${problem}: write 2026-12-01T00:00:00Z`)
  if (problem !== undefined) throw invalid(problem)
  const said = value as { readonly [Name in keyof Manifest]: Manifest[Name] | null } & Manifest
  // Nothing after `grants:` is an empty list, below which a line can be added by hand; so for groups.
  const manifest = { ...said, groups: said.groups ?? {}, grants: said.grants ?? [] }
  if (manifest.vault !== vault) throw invalid(`it belongs to another vault, ${manifest.vault}`)
  checkNames(manifest)
  return manifest
}

/** Before the schema, which would count too, but not say what to do. */
function refuseTooMany(value: unknown): void {
  const { groups, grants } = Object(value) as Readonly<Record<string, unknown>>
  const listed = {
    groups: [Object.keys(Object(groups) as object).length, LIMITS.manifestGroups],
    grants: [Array.isArray(grants) ? grants.length : 0, LIMITS.manifestGrants],
  } as const
  for (const [what, [count, most]] of Object.entries(listed)) {
    if (count > most) throw invalid(`it lists ${count} ${what}; a vault has at most ${most}`)
  }
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

function inConflict(): VaultError {
  return new VaultError("MANIFEST_INVALID", `${MANIFEST} is in the middle of a merge`, {
    hint: "settle it: agent-vault resolve",
  })
}

function invalid(why: string, cause?: unknown): VaultError {
  return new VaultError("MANIFEST_INVALID", `${MANIFEST} is not valid: ${why}`, {
    hint: "correct it in an editor (its schema: .vault-manifest.schema.json of agent-vault), then: agent-vault apply --dry-run",
    cause,
  })
}
