import { type AgentVault, VaultError } from "../core/index.js"
import type { Answer } from "./answer.js"
import type { Consent } from "./consent.js"
import type { ShownValues } from "./shown-values.js"
import type { Client, Serving } from "./serving.js"

/** What a tool works with. */
export interface Surroundings {
  readonly session: Pick<Serving, "reveal" | "runAs">
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
    anyOf: [{ required: [...required] }, { required: ["error"] }],
    additionalProperties: false,
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
 * The arguments, if each is a text and a tool has them all. Throws `USAGE`: wrong arguments are
 * answered by the tool, so that a model reads what to mend.
 */
export function textArguments<Name extends string>(
  { name: tool, inputSchema: { properties, required = [] } }: Tool,
  args: Arguments,
): Partial<Record<Name, string>> {
  const known = Object.keys(properties)
  const takesWhat = known.length === 0 ? "no arguments" : known.join(", ")
  for (const [name, value] of Object.entries(args)) {
    if (!known.includes(name)) throw wrong(`${tool} takes ${takesWhat}`)
    if (typeof value !== "string") throw wrong(`the argument ${name} of ${tool} is a text`)
  }
  const missing = required.find((name) => !Object.hasOwn(args, name))
  if (missing !== undefined) throw wrong(`${tool} needs the argument ${missing}`)
  return args as Partial<Record<Name, string>>
}

function wrong(message: string): VaultError {
  return new VaultError("USAGE", message, { hint: "call it again with arguments of its schema" })
}
