import {
  type Validator,
  validateAgent,
  validateGroup,
  validateManifest,
  validateSecret,
  validateVault,
} from "./generated/validators.js"

/** Each says what is wrong with a document, as `where: what`; undefined when it is valid. */
export const vaultRecordProblem = checker(validateVault)
export const agentRecordProblem = checker(validateAgent)
export const groupRecordProblem = checker(validateGroup)
export const secretRecordProblem = checker(validateSecret)
export const manifestProblem = checker(validateManifest)

function checker(validate: Validator): (value: unknown) => string | undefined {
  return (value) => {
    if (validate(value)) return undefined
    const [error] = validate.errors ?? []
    if (error === undefined) return "it does not match its schema"
    const extra = error.params?.["additionalProperty"]
    return `${error.instancePath || "/"} ${error.message ?? "is not valid"}${typeof extra === "string" ? ` (${extra})` : ""}`
  }
}
