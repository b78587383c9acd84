import { STORES, type StoreScheme } from "../records/source.js"
import { VaultError } from "../words/errors.js"
import { AWS_SECRETS_MANAGER } from "./aws-secrets-manager.js"
import { GCP_SECRET_MANAGER } from "./gcp-secret-manager.js"
import { HASHICORP_VAULT } from "./hashicorp-vault.js"
import { ONE_PASSWORD } from "./one-password.js"
import type { ReferenceStore } from "./reference-store.js"
import { SYSTEM_KEYCHAIN } from "./system-keychain.js"
import { VARIABLE_STORE } from "./variable-store.js"

/** The stores: one row, and one file, for each. */
const REFERENCE_STORES: Readonly<Record<StoreScheme, ReferenceStore>> = {
  op: ONE_PASSWORD,
  "aws-sm": AWS_SECRETS_MANAGER,
  "gcp-sm": GCP_SECRET_MANAGER,
  vault: HASHICORP_VAULT,
  env: VARIABLE_STORE,
  keychain: SYSTEM_KEYCHAIN,
}

/** The store of this scheme. */
export function storeOf(scheme: StoreScheme): ReferenceStore {
  return REFERENCE_STORES[scheme]
}

/** The parts of a reference; undefined for what is not one of this store. */
export function partsOf(
  scheme: StoreScheme,
  reference: string,
): Readonly<Record<string, string | undefined>> | undefined {
  return storeOf(scheme).reference.exec(reference)?.groups
}

/** The store that a reference names, which somebody wrote. Throws `USAGE`. */
export function parseReference(text: string): StoreScheme {
  const scheme = STORES.find((each) => partsOf(each, text) !== undefined)
  if (scheme !== undefined) return scheme
  const meant = STORES.find((each) => text.startsWith(`${each}:`))
  const forms =
    meant === undefined ? STORES.map((each) => storeOf(each).form) : [storeOf(meant).form]
  throw new VaultError("USAGE", "this is no reference to a value in another store", {
    hint: `write it as ${forms.join("; ")}`,
  })
}
