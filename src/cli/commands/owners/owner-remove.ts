import { VaultError, describeTrust } from "../../../core/index.js"
import {
  type OwnerRemoved,
  type TrustMoved,
  removeOwner,
  trustOwner,
  withUnfinished,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, counted, outcomePart, report } from "../../door/render.js"
import { changeRequest, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [owner = ""] = door.call.words
  const request = await changeRequest(door)
  const outcome = await withPerson(door, (person) => removeOwner({ ...request, person, owner }))
  const { result } = outcome
  const moved = outcome.commit === undefined ? undefined : await trustNext(door, result)
  const told = withUnfinished(outcome, ...(moved?.unfinished ?? []))
  if (await asJson(door, { ...result, ...outcomePart(told) })) return
  const lines = removedLines(result, request.dryRun)
  await report(door, told, ...lines, ...exposureLines(door, result.exposed))
}

/** Where this machine trusted the removed owner, it trusts the one who stands for all others now. */
async function trustNext(
  door: Door,
  { signer, anchor }: OwnerRemoved,
): Promise<TrustMoved | undefined> {
  const place = placeOf(door)
  const { pin } = describeTrust(place, undefined, { ...door.env, AGENT_VAULT_TRUST: undefined })
  if (anchor === undefined || pin !== signer) return undefined
  // Whoever removes an owner is a person: it was asked for before.
  return trustOwner(place, anchor.signer, door.env, askNobody, "confirmed")
}

/** The passphrase was asked for once: a second time belongs to a command that needs it. */
function askNobody(): Promise<string> {
  return Promise.reject(new VaultError("NO_TERMINAL", "it lies under a passphrase"))
}

function removedLines(removed: OwnerRemoved, dry: boolean): string[] {
  const { owner, groups, agents, kept, brought, vouched, anchor, leases = [] } = removed
  const delivery = dry
    ? []
    : [
        "  Deliver the new key of each, on its machine or to a file for it:",
        ...agents.map((agent) => `    agent-vault agent recover ${agent} --out FILE`),
      ]
  return [
    `${owner} ${dry ? "would no longer be" : "is no longer"} an owner of this vault.`,
    `  ${counted(groups.length, "group")} ${dry ? "would have" : groups.length === 1 ? "has" : "have"} a new key; what is set from now on is closed to ${owner}.`,
    ...(agents.length === 0
      ? []
      : [
          `  ${counted(agents.length, "agent")} whose key ${owner} could bring out of escrow ${dry ? "would have" : agents.length === 1 ? "has" : "have"} a new one: ${agents.join(", ")}`,
          ...delivery,
        ]),
    ...(leases.length === 0
      ? []
      : [
          "  Of these, one agent alone keeps the refresh token, and its new key opens it on this machine only: set the latest",
          ...leases.map(({ secret, agent }) => `    ${secret}  ${agent}`),
        ]),
    ...(kept.length === 0
      ? []
      : [
          `  ${counted(kept.length, "agent")} without escrow ${kept.length === 1 ? "keeps its key" : "keep their keys"}: ${kept.join(", ")}`,
          `  Where ${owner} may have made one: agent-vault agent rekey AGENT, or agent-vault agent remove AGENT`,
        ]),
    ...(brought.length === 0
      ? []
      : [
          `  Owners whom ${owner} let in stay: ${brought.join(", ")}. See them: agent-vault owner list`,
        ]),
    ...(vouched.length === 0
      ? []
      : [
          `  What ${owner} signed last, you ${dry ? "would sign" : "sign"} now. Look at what it lets values do:`,
          ...vouched.map(({ secret, says }) => `    ${secret}  ${says.join(", ")}`),
        ]),
    ...(anchor === undefined || dry
      ? []
      : [
          `  Whoever trusted ${owner} trusts ${anchor.owner} from now on, on each other machine:`,
          `    agent-vault trust ${anchor.signer}`,
        ]),
  ]
}
