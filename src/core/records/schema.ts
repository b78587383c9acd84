import { type Schema, checkOf } from "./check-schema.js"
import {
  agentSchema,
  groupSchema,
  manifestSchema,
  secretSchema,
  vaultSchema,
} from "./generated/schemas.js"

/** Each says what is wrong with a document, as `where: what`; undefined when it is valid. */
export const vaultRecordProblem = checker(vaultSchema)
export const agentRecordProblem = checker(agentSchema)
export const groupRecordProblem = checker(groupSchema)
export const secretRecordProblem = checker(secretSchema)
export const manifestProblem = checker(manifestSchema)

/** By a schema that is parsed when it is first needed. */
function checker(text: string): (value: unknown) => string | undefined {
  let check: ReturnType<typeof checkOf> | undefined
  return (value) => (check ??= checkOf(JSON.parse(text) as Schema))(value)
}
