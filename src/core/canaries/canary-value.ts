import { randomInt } from "node:crypto"
import { serviceNamed } from "../services/services.js"
import { parseShape } from "../services/shape.js"

/** What a canary of a service is like. */
export interface CanaryKind {
  /** Its name in its group: `openai-api-key`. */
  readonly name: string
  /** The variable that the service's clients read a key from. */
  readonly env: string
  /** Makes a value at random, shaped like a key. */
  readonly make: () => string
}

/** Throws `SERVICE_NOT_FOUND`. */
export function canaryKindOf(service: string): CanaryKind {
  const { placeholder, variables } = serviceNamed(service)
  const shape = parseShape(placeholder)
  const [env = ""] = variables
  const make = (): string =>
    shape.parts
      .map((part) => (typeof part === "string" ? part : randomText(part.alphabet, part.count)))
      .join("")
  return { name: env.toLowerCase().replaceAll("_", "-"), env, make }
}

function randomText(alphabet: string, count: number): string {
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)] ?? "").join("")
}
