import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { VaultError } from "../core/index.js"

/** Files that are started by their path lie beside this one. */
export function fileBeside(name: string): string {
  const file = fileURLToPath(new URL(name, import.meta.url))
  if (existsSync(file)) return file
  throw new VaultError("BUG", `${name} is not beside the command`, {
    hint: "install agent-vault anew",
  })
}
