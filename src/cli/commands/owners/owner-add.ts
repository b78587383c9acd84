import { VaultError, claimedId, parseOwnerName } from "../../../core/index.js"
import {
  type OwnerAdded,
  type OwnerJoining,
  type Outcome,
  acceptOwnerLine,
  addOwner,
  ownerFingerprint,
} from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, counted, outcomePart, report, tell } from "../../door/render.js"
import { isCompared } from "../../keys/compared-keys.js"
import { changeRequest, option, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const joining = joiningOf(door, name)
  const request = { ...(await changeRequest(door)), joining }
  const look = (): Promise<Outcome<OwnerAdded>> => addOwner({ ...request, dryRun: true })
  const planned = await afterRepair(request, look)
  const fingerprint = ownerFingerprint(joining)
  if (
    !request.dryRun &&
    !(await isCompared(door, joining.owner, fingerprint, "as the new owner"))
  ) {
    tell(door, "Nothing was changed.")
    return
  }
  const outcome = request.dryRun
    ? planned
    : await withPerson(door, (person) => addOwner({ ...request, person }))
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  const { result } = outcome
  const added = addedLines(result, request.dryRun)
  await report(door, outcome, ...added, ...exposureLines(door, result.exposed))
}

/** What the line of `join --owner` asks for. Throws `USAGE`, `RECIPIENT_INVALID`. */
function joiningOf(door: Door, name: string): OwnerJoining {
  const owner = parseOwnerName(name)
  const line = option(door, "join")
  if (line !== undefined) return acceptOwnerLine(line, claimedId(placeOf(door)), owner)
  throw new VaultError("USAGE", "owner add needs --join LINE: the new owner's key never travels", {
    hint: `on their machine, in a clone of this repository: agent-vault join ${owner} --owner`,
  })
}

function addedLines({ owner, groups, escrows, fingerprint }: OwnerAdded, dry: boolean): string[] {
  const [is, are] = dry ? ["would be", "would be"] : ["is", "are"]
  return [
    `${owner} ${is} an owner of this vault (${fingerprint}): opens everything, and signs changes.`,
    `  ${counted(groups.length, "group")} and ${counted(escrows.length, "escrow")} ${are} sealed to them as well.`,
    ...(dry ? [] : [`Once they have this: agent-vault sync, and agent-vault status`]),
  ]
}
