import { type AgentVault, VaultError } from "../core/index.js"
import type { Answer } from "./answer.js"
import type { Consent } from "./consent.js"
import type { ShownValues } from "./shown-values.js"
import type { Client, Serving } from "./serving.js"

/** What a tool works with. */
export interface Surroundings {
  readonly serving: Pick<Serving, "reveal" | "runLine">
  readonly vault: () => Promise<AgentVault>
  readonly client: Client
  readonly consent: Consent
  readonly seen: ShownValues
}

/** A JSON Schema (2020-12) of an object, written so that older validators understand it too. */
export interface ObjectSchema {
  [keyword: string]: unknown
  type: "object"
  properties: Record<string, object>
  required?: string[]
}

/** A tool as the client learns of it, and what it does. */
export interface Tool {
  readonly name: string
  readonly title: string
  readonly description: string
  /** What docs/mcp.md says of it. */
  readonly docs: string
  /** Whether it puts values into the conversation: a blind server leaves it out. */
  readonly showsValues?: true
  readonly inputSchema: ObjectSchema
  readonly outputSchema: ObjectSchema
  /** Throws a VaultError for what cannot be answered. */
  readonly call: (args: Arguments, surroundings: Surroundings) => Promise<Answer>
}

export type Arguments = Readonly<Record<string, unknown>>

export const TEXT = { type: "string" } as const

/** The schema of what a tool takes. */
export function takes(
  properties: Record<string, object>,
  required: readonly string[] = [],
): ObjectSchema {
  return { type: "object", properties, required: [...required], additionalProperties: false }
}

/** The schema of what a tool gives: these properties, or an error. */
export function gives(
  properties: Record<string, object>,
  required: readonly string[],
  onError: Record<string, object> = {},
): ObjectSchema {
  const error = shape({ code: TEXT, message: TEXT, hint: TEXT, reason: TEXT }, ["code", "message"])
  return {
    type: "object",
    properties: { ...properties, ...onError, error },
    anyOf: [has(required), has(["error"])],
    additionalProperties: false,
  }
}

/** Strict validators want each required property named beside `required`. */
function has(required: readonly string[]): object {
  return {
    properties: Object.fromEntries(required.map((name) => [name, {}])),
    required: [...required],
  }
}

/** The schema of an object inside another. */
export function shape(properties: Record<string, object>, required: readonly string[]): object {
  return { type: "object", properties, required: [...required], additionalProperties: false }
}

export function listOf(items: object): object {
  return { type: "array", items }
}

/**
 * The arguments that were given, if each is a text and a tool has them all. An optional one that is
 * null or empty was not given: in a strict mode, OpenAI's for one, a model must send all of them.
 * Throws `USAGE`: the tool answers wrong arguments, so that a model reads what to correct.
 */
export function textArguments<Name extends string>(
  { name: tool, inputSchema: { properties, required = [] } }: Tool,
  args: Arguments,
): Partial<Record<Name, string>> {
  const known = Object.keys(properties)
  const takesWhat = known.length === 0 ? "no arguments" : known.join(", ")
  if (!Object.keys(args).every((name) => known.includes(name))) {
    throw wrong(`${tool} takes ${takesWhat}`)
  }
  const given = Object.entries(args).filter(
    ([name, value]) => value !== null && (value !== "" || required.includes(name)),
  )
  for (const [name, value] of given) {
    if (typeof value !== "string") throw wrong(`the argument ${name} of ${tool} is a text`)
  }
  const missing = required.find((name) => !given.some(([each]) => each === name))
  if (missing !== undefined) throw wrong(`${tool} needs the argument ${missing}`)
  return Object.fromEntries(given) as Partial<Record<Name, string>>
}

function wrong(message: string): VaultError {
  return new VaultError("USAGE", message, { hint: "call it again with arguments of its schema" })
}
