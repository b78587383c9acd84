import { Environment } from "@marcbachmann/cel-js/evaluator"
import type { PolicyQuestion } from "./policy-question.js"

// The only file that imports the library: it is loaded where a vault has a policy, and nowhere else.

/** Whether a condition holds. Throws where it cannot tell. */
export type Condition = (question: PolicyQuestion) => boolean

/** Far more than a condition that people review has; the parser's own bounds are far wider. */
const LIMITS = { maxAstNodes: 500, maxDepth: 50, maxListElements: 100, maxMapEntries: 100 }

const environment = new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS })
  .registerVariable("agent", "string")
  .registerVariable("door", "string")
  .registerVariable("secret", {
    schema: { name: "string", group: "string", reveal: "string", tags: "list<string>" },
  })
  .registerVariable("request", { schema: { host: "string", method: "string", path: "string" } })
  // Of no type, since null is none: what asks a text of null is an error, and denies.
  .registerVariable("session", { schema: { client: "string", project: "dyn" } })
  .registerVariable("time", "google.protobuf.Timestamp")

/**
 * A condition, parsed and checked: it has to be a bool, of nothing but what a question has. Throws
 * what is wrong with it, in its first line. A condition has no `matches`: the library's takes a time that
 * grows without bound with the text, which may be a program's.
 */
export function compileCondition(text: string): Condition {
  if (/\bmatches\b/.test(text)) {
    throw new Error("there is no matches here: use startsWith, endsWith, contains or ==")
  }
  const { evaluate, type } = checked(text)
  if (type !== "bool") throw new Error(`it is of type ${type}, and has to be a bool`)
  return (question) => {
    const { agent, door, secret, request, session, time } = question
    const result: unknown = evaluate({ agent, door, secret, request, session, time })
    // Whatever else it may be, nothing but true is true.
    if (typeof result === "boolean") return result
    throw new Error("it came to something that is neither true nor false")
  }
}

function checked(text: string): { evaluate: (context: object) => unknown; type: string } {
  const evaluate = environment.parse(text)
  const { valid, type = "nothing", error } = evaluate.check()
  if (!valid) throw error ?? new Error("it is not valid")
  return { evaluate, type }
}
