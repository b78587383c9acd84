import { isObject } from "../../core/index.js"

/** A call of a tool, as a client's hook tells of it. */
export interface HookCall {
  readonly moment: "before" | "after"
  /** The tool failed, and the client has a moment of its own for that. */
  readonly hasFailed?: boolean
  /** The folder that the client works in. */
  readonly cwd: string
  /** The command line of a shell, if that is what the tool runs. */
  readonly command: string | undefined
  /** What the tool is given besides: names and texts, by the keys that they stand under. */
  readonly input: Readonly<Record<string, unknown>>
  /** What came out of the tool, in the client's own shape; undefined before it. */
  readonly output: unknown
  /** Where the call belongs, in the client's own names. */
  readonly session: string | undefined
  readonly turn: string | undefined
  readonly call: string | undefined
}

/** What the hook has to say. */
export type HookVerdict =
  | { readonly is: "pass" }
  | { readonly is: "refuse"; readonly reason: string }
  /** The tool runs this command line in place of its own. */
  | { readonly is: "command"; readonly command: string }
  /** The model gets this in place of what came out; `names` are the secrets that stood in it. */
  | { readonly is: "output"; readonly output: unknown; readonly names: readonly string[] }

/** How one client speaks with its hooks. The answer is a JSON document, or nothing to say. */
export interface HookDialect {
  /** What the client calls the tool that runs a command. */
  readonly shell: string
  /** Undefined for a message that is none about a tool. */
  read(message: Readonly<Record<string, unknown>>): HookCall | undefined
  answer(call: HookCall, verdict: HookVerdict): object | undefined
}

/** For a model that has seen what its client lets no hook take out. */
export function warningOf(names: readonly string[]): string {
  const which = names.join(", ")
  return `agent-vault: this output holds the value of ${which}. Do not repeat it, write it or send it: tell the person that ${which} has to be rotated.`
}

/** A member of an object that is a text. */
export function textAt(object: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = object[key]
  return typeof value === "string" && value !== "" ? value : undefined
}

/** A member that is an object; without one, an empty one. */
export function objectAt(
  object: Readonly<Record<string, unknown>>,
  key: string,
): Readonly<Record<string, unknown>> {
  const value = object[key]
  return isObject(value) ? value : {}
}

/** An output as one text, for a client that takes no other. */
export function asText(output: unknown): string {
  return typeof output === "string" ? output : JSON.stringify(output, null, 2)
}
