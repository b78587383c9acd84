import { LONGEST_KEEP, STORES, type Source, type StoreScheme } from "../records/source.js"
import { VaultError } from "../words/errors.js"
import { parseDuration } from "../words/time.js"
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

/**
 * What a record says of a reference that somebody wrote, and of how long readers may keep the value in
 * memory: a span like `5m`, which it is if nobody says it, or `0`. Throws `USAGE`.
 */
export function parseSource(reference: string, keep = "5m"): Source {
  const seconds = keep === "0" ? 0 : parseDuration(keep)
  if (seconds <= LONGEST_KEEP) return { store: parseReference(reference), keep: seconds }
  throw new VaultError("USAGE", "a value of another store is kept for a day at most", {
    hint: "give 24h or less, or 0",
  })
}

/** Whether a text has the form of a reference. */
export function isReference(text: string): boolean {
  return schemeOf(text) !== undefined
}

function schemeOf(text: string): StoreScheme | undefined {
  return STORES.find((each) => partsOf(each, text) !== undefined)
}

/** The store that a reference names, which somebody wrote. Throws `USAGE`. */
export function parseReference(text: string): StoreScheme {
  const scheme = schemeOf(text)
  if (scheme !== undefined) return scheme
  const meant = STORES.find((each) => text.startsWith(`${each}:`))
  const forms =
    meant === undefined ? STORES.map((each) => storeOf(each).form) : [storeOf(meant).form]
  throw new VaultError("USAGE", "this is not a reference to a value in another store", {
    hint: `write it as ${forms.join("; ")}`,
  })
}
