import { type PolicyRule, decodePolicy } from "../policy/policy-rules.js"
import { signedPolicy } from "./policy-of.js"
import type { Vault } from "./vault.js"

/** The rules of the policy that vault.json signs; undefined where there is none. Throws as a read does. */
export function signedRules(vault: Vault): readonly PolicyRule[] | undefined {
  const bytes = signedPolicy(vault)
  return bytes === undefined ? undefined : decodePolicy(bytes, vault.id)
}
