import { isMember, namedFieldOf, storedFieldOf } from "./field-of.js"
import type { ReferenceStore } from "./reference-store.js"

/** HashiCorp Vault's key/value engine, by `vault kv get` (https://developer.hashicorp.com/vault/docs/commands/kv/get). */
export const HASHICORP_VAULT: ReferenceStore = {
  form: "vault://MOUNT/PATH#FIELD",
  reference:
    /^vault:\/\/(?<mount>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})\/(?<path>[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(?:\/[A-Za-z0-9][A-Za-z0-9_.-]{0,127}){0,15})#(?<field>[A-Za-z0-9_.-]{1,128})$/,
  mend: "sign in: vault login, with VAULT_ADDR set",
  async read({ mount = "", path = "", field = "" }, { run }) {
    const said = await run("vault", ["kv", "get", `-mount=${mount}`, "-format=json", path])
    // The first version of the engine has the fields right in `data`.
    const first = ["data", field]
    const second = ["data", ...first]
    const found = namedFieldOf(said, second) ?? namedFieldOf(said, first)
    return found ?? storedFieldOf(said, isMember(said, ["data", "data"]) ? second : first)
  },
}
