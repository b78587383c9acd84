import { VaultError } from "../../core/index.js"
import { whyRefusedToSecret } from "../run/program-environment.js"

/** Refuses the variable that a record is to name for its secret. Throws `USAGE`. */
export function refuseNamedVariable(variable: string | undefined): void {
  const why = variable === undefined ? undefined : whyRefusedToSecret(variable)
  if (why === undefined) return
  throw new VaultError("USAGE", `no program is given the variable ${variable ?? ""}: ${why}`, {
    hint: "name another one: --env NAME; without it, the variable is named after the secret",
  })
}
