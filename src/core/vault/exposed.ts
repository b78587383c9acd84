import type { Exposure, SecretRecord } from "../records/record.js"
import type { SecretName } from "../words/names.js"
import { type Vault, findAgent, findGroup } from "./vault.js"

/**
 * Who could read the present value of a secret, and may no longer. An agent that was revoked and was
 * granted again reads it by right, if its key is the one that it had: an exposure names no key, so only
 * one whose record never changed is known to have it. A grant with an end does not count: it may have
 * ended by now.
 */
export function stillExposed(
  vault: Vault,
  name: SecretName,
  { exposed = [] }: SecretRecord,
): readonly Exposure[] {
  if (exposed.length === 0) return exposed
  const members = findGroup(vault, name.group)?.members ?? []
  const readsAgain = ({ agent, why }: Exposure): boolean => {
    if (why !== "revoked" && why !== "ended") return false
    const member = members.find((each) => each.agent === agent)
    if (member === undefined || member.until !== undefined) return false
    const record = findAgent(vault, agent)
    return record?.serial === 1 && record.recipient === member.recipient
  }
  return exposed.filter((exposure) => !readsAgain(exposure))
}
