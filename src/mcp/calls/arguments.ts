import { VaultError } from "../../core/index.js"
import type { Arguments, Tool } from "./tool.js"

/** What an argument may be, by the type in its schema, and how that is called. */
const TYPES: Readonly<Record<string, readonly [what: string, is: (value: unknown) => boolean]>> = {
  string: ["a text", (value) => typeof value === "string"],
  integer: ["a whole number", (value) => Number.isSafeInteger(value)],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  array: ["a list of texts", isTexts],
}

/**
 * The arguments that were given, if each is of its schema's type and a tool has them all. An optional
 * one that is null or empty was not given: in a strict mode, OpenAI's for one, a model must send all
 * of them. Throws `USAGE`: the tool answers wrong arguments, so that a model reads what to correct.
 */
export function argumentsOf<T extends object>(
  { name: tool, inputSchema: { properties, required = [] } }: Tool,
  args: Arguments,
): Partial<T> {
  const known = Object.keys(properties)
  const takesWhat = known.length === 0 ? "no arguments" : known.join(", ")
  if (!Object.keys(args).every((name) => known.includes(name))) {
    throw wrong(`${tool} takes ${takesWhat}`)
  }
  const given = Object.entries(args).filter(
    ([name, value]) => value !== null && (value !== "" || required.includes(name)),
  )
  for (const [name, value] of given) {
    const { type = "string" } = (properties[name] ?? {}) as { type?: string }
    const [what = "", is] = TYPES[type] ?? []
    if (is?.(value) !== true) throw wrong(`the argument ${name} of ${tool} is ${what}`)
  }
  const missing = required.find((name) => !given.some(([each]) => each === name))
  if (missing !== undefined) throw wrong(`${tool} needs the argument ${missing}`)
  return Object.fromEntries(given) as Partial<T>
}

/** The refusal of arguments, with what to do. */
export function wrong(
  message: string,
  hint = "call it again with arguments of its schema",
): VaultError {
  return new VaultError("USAGE", message, { hint })
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string")
}
