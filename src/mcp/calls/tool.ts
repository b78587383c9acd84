import type { AgentVault } from "../../core/index.js"
import type { Answer } from "./answer.js"
import type { KeptTexts } from "./kept-texts.js"
import type { Consent } from "./consent.js"
import type { ShownValues } from "./shown-values.js"
import type { Client } from "./client.js"
import type {
  CallMade,
  ProgramRun,
  SecretProgram,
  SecretRequest,
  Serving,
  WireReply,
} from "../../serving/serving.js"

/** What a tool works with. */
export interface Surroundings {
  readonly serving: Pick<
    Serving,
    "reveal" | "blind" | "runLine" | "auditLines" | "wishes" | "noteRefused"
  >
  readonly vault: () => Promise<AgentVault>
  readonly client: Client
  readonly consent: Consent
  readonly seen: ShownValues
  readonly kept: KeptTexts
  /** Sends a request with secrets, on behalf of this call. */
  readonly send: (outgoing: SecretRequest) => Promise<WireReply>
  /** The call that all of it is for. */
  readonly made: CallMade
  /** Runs a program with secrets, on behalf of this call; undefined where nobody allowed that. */
  readonly run: ((program: SecretProgram) => Promise<ProgramRun>) | undefined
  /** Aborted when the client wants no answer any more. */
  readonly signal: AbortSignal
}

/** A JSON Schema (2020-12) of an object, written so that older validators understand it too. */
interface ObjectSchema {
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
  /** Whether it runs programs: it is there only where a person started the server so. */
  readonly runsPrograms?: true
  /** Whether it may change something, here or elsewhere; a client asks its person before such a tool. */
  readonly changesThings?: true
  readonly inputSchema: ObjectSchema
  readonly outputSchema: ObjectSchema
  /** Throws a VaultError for what cannot be answered. */
  readonly call: (args: Arguments, surroundings: Surroundings) => Promise<Answer>
}

export type Arguments = Readonly<Record<string, unknown>>

export const TEXT = { type: "string" } as const

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
    anyOf: eitherOf(required, ["error"]),
    additionalProperties: false,
  }
}

/** Some of the properties, or others. Strict validators want each named beside `required`. */
export function eitherOf(...ways: readonly (readonly string[])[]): object[] {
  return ways.map((required) => ({
    properties: Object.fromEntries(required.map((name) => [name, {}])),
    required: [...required],
  }))
}

/** The schema of an object: of what a tool takes, or inside of what it gives. */
export function shape(
  properties: Record<string, object>,
  required: readonly string[] = [],
): ObjectSchema {
  return { type: "object", properties, required: [...required], additionalProperties: false }
}

export function listOf(items: object): object {
  return { type: "array", items }
}
