import type { ReferenceStore } from "./reference-store.js"
import { fieldOf, storedFieldOf } from "./field-of.js"

/**
 * AWS Secrets Manager, by `aws secretsmanager get-secret-value`
 * (https://docs.aws.amazon.com/cli/latest/reference/secretsmanager/get-secret-value.html). An id has
 * no `//`: the program would read `file://` and `https://` as where the id is.
 */
export const AWS_SECRETS_MANAGER: ReferenceStore = {
  form: "aws-sm://NAME or aws-sm://NAME?region=REGION, and #KEY for a member of a JSON value",
  reference:
    /^aws-sm:\/\/(?<id>(?!.*\/\/)[A-Za-z0-9][A-Za-z0-9/_+=.@:-]{0,511})(?:\?region=(?<region>[a-z0-9][a-z0-9-]{0,31}))?(?:#(?<key>[A-Za-z0-9_.-]{1,128}))?$/,
  mend: "sign in: aws sso login, or aws configure",
  async read({ id = "", region, key }, { run }) {
    const said = await run("aws", [
      "secretsmanager",
      "get-secret-value",
      `--secret-id=${id}`,
      ...(region === undefined ? [] : [`--region=${region}`]),
      "--output=json",
    ])
    const text = fieldOf(said, ["SecretString"])
    if (text !== undefined) return key === undefined ? text : storedFieldOf(text, [key])
    const binary = fieldOf(said, ["SecretBinary"])
    if (binary === undefined || key !== undefined) return undefined
    return Buffer.from(binary.toString("utf8"), "base64")
  },
}
