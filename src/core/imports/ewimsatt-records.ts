import { parseStrictYaml } from "../records/yaml.js"
import { isObject } from "../words/object.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { utc } from "../words/time.js"

// The readable files of https://github.com/ewimsatt/agent-vault, as its version 0.1.0 writes them with
// serde_yaml. Nothing in them is signed, so whoever could push there could write them.

/** Who may read what there, as its manifest.yaml says. */
export interface EwimsattManifest {
  readonly owners: readonly string[]
  readonly agents: readonly { readonly name: string; readonly groups: readonly string[] }[]
  readonly groups: readonly { readonly name: string; readonly secrets: readonly string[] }[]
}

/** What a .meta file says of its secret. */
interface EwimsattMeta {
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly expires: string | undefined
  /** Those that it was last sealed to. */
  readonly agents: readonly string[]
}

type YamlMap = Readonly<Record<string, unknown>>

/** Throws `CONFIG_INVALID` unless the config is that of a vault that is read here. */
export function checkEwimsattConfig(bytes: Uint8Array, shown: string): void {
  const { version, encryption } = parsed(bytes, shown)
  const { format } = mapOf(encryption, shown)
  if (version === 1 && format === "age") return
  throw invalid(shown, "it is of another version than 1, or its format is not age")
}

/** Parses its manifest. Throws `CONFIG_INVALID`. */
export function parseEwimsattManifest(bytes: Uint8Array, shown: string): EwimsattManifest {
  const { version, owners, agents, groups } = parsed(bytes, shown)
  if (version !== 1) throw invalid(shown, "its version is not 1")
  const entries = (list: unknown): YamlMap[] =>
    listOf(list, shown).map((each) => mapOf(each, shown))
  return {
    owners: entries(owners).map(({ name }) => textOf(name, shown)),
    agents: entries(agents).map((agent) => ({
      name: textOf(agent["name"], shown),
      groups: textsOf(agent["groups"], shown),
    })),
    groups: entries(groups).map((group) => ({
      name: textOf(group["name"], shown),
      secrets: textsOf(group["secrets"], shown),
    })),
  }
}

/** Parses a .meta file. Throws `CONFIG_INVALID`. */
export function parseEwimsattMeta(bytes: Uint8Array, shown: string): EwimsattMeta {
  const { expires, authorized_agents: agents } = parsed(bytes, shown)
  return { expires: timeOf(expires, shown), agents: textsOf(agents, shown) }
}

function parsed(bytes: Uint8Array, shown: string): YamlMap {
  const refusal = (why: string, cause?: unknown): VaultError => invalid(shown, why, cause)
  return mapOf(parseStrictYaml(bytes, LIMITS.manifest, refusal).toJS({ maxAliasCount: 0 }), shown)
}

function mapOf(value: unknown, shown: string): YamlMap {
  if (isObject(value)) return value
  throw invalid(shown, "a map is missing")
}

/** What is left out is an empty list there. */
function listOf(value: unknown, shown: string): readonly unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  throw invalid(shown, "a list is missing")
}

function textsOf(value: unknown, shown: string): readonly string[] {
  return listOf(value, shown).map((each) => textOf(each, shown))
}

function textOf(value: unknown, shown: string): string {
  if (typeof value === "string") return value
  throw invalid(shown, "a name in it is not text")
}

/** RFC 3339, with a fraction of a second there. */
function timeOf(value: unknown, shown: string): string | undefined {
  if (value === undefined || value === null) return undefined
  const text = textOf(value, shown)
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text)
    ? new Date(text)
    : undefined
  if (time !== undefined && !Number.isNaN(time.getTime())) return utc(time)
  throw invalid(shown, "a time in it cannot be read")
}

/** The refusal of such a vault. */
export function invalid(shown: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CONFIG_INVALID", `${shown} cannot be imported: ${why}`, {
    hint: "mend it there, or in a copy: nothing in that vault is signed",
    cause,
  })
}
