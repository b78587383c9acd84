import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { type YamlRefusal, isMap, isScalar, parseStrictYaml } from "./yaml.js"

/** A value in a file of another program's, and the keys that lead to it. */
export interface NestedValue {
  readonly keys: readonly string[]
  /** Texts as they are; numbers and `true` or `false` as they are written. */
  readonly text: string
}

/**
 * The values in a JSON or YAML file: a map of texts, or of maps. `shown` is what errors call the
 * file; they never repeat what it holds besides keys. Throws `CONFIG_INVALID`.
 */
export function nestedValues(
  bytes: Uint8Array,
  format: "json" | "yaml",
  shown: string,
): NestedValue[] {
  const refusal = (why: string, cause?: unknown): VaultError => invalid(shown, why, cause)
  if (format === "json") refuseOtherThanJson(bytes, refusal)
  // YAML has all of JSON, and the parser keeps how a number is written.
  const { contents } = parseStrictYaml(bytes, LIMITS.importFile, refusal)
  const values: NestedValue[] = []
  collect(contents, [], values, refusal)
  if (values.length === 0) throw refusal("it holds no value")
  return values
}

function collect(
  node: unknown,
  keys: readonly string[],
  values: NestedValue[],
  refusal: YamlRefusal,
): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      collect(value, [...keys, String(isScalar(key) ? key.value : key)], values, refusal)
    }
    return
  }
  const where = keys.join("/")
  if (keys.length === 0) throw refusal("it is not a map of names to values")
  if (!isScalar(node)) throw refusal(`${where} is a list, not a value`)
  const { value, source } = node
  if (value === null || value === undefined) throw refusal(`${where} has no value`)
  if (typeof value !== "string" && source === undefined) throw refusal(`${where} is not a text`)
  values.push({ keys, text: typeof value === "string" ? value : (source ?? "") })
}

/** What a JSON parser says quotes the text, so it is not handed on. */
function refuseOtherThanJson(bytes: Uint8Array, refusal: YamlRefusal): void {
  try {
    JSON.parse(Buffer.from(bytes).toString("utf8"))
  } catch {
    throw refusal("it is not valid JSON")
  }
}

function invalid(shown: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CONFIG_INVALID", `${shown} cannot be imported: ${why}`, {
    hint: "an import takes a map of names to texts; what is not in the file is set alone: agent-vault set GROUP/NAME",
    cause,
  })
}
