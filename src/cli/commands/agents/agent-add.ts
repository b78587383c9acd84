import { type Place, VaultError, claimedId, parseAgentName } from "../../../core/index.js"
import {
  type ChangeRequest,
  type Enrolled,
  type Outcome,
  acceptJoinLine,
  addAgent,
  joinFingerprint,
  setKeyFileAside,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { type KeyOutput, deliverKey, deliveryLines, keyOutput } from "../../keys/key-output.js"
import { asJson, outcomePart, report, tell } from "../../door/render.js"
import { changeRequest, option } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [agent = ""] = door.call.words
  const request = await changeRequest(door)
  const recipient = recipientElsewhere(door, request.place, agent)
  const output = recipient === undefined ? await newKeyOutput(door, request, agent) : undefined
  const outcome = await withPerson(door, (person) =>
    addAgent({ ...request, person, agent, recipient }),
  )
  await handOver(door, outcome, output)
  if (output?.to !== "stdout" && (await asJson(door, publicPart(outcome, output)))) return
  const isMade = !request.dryRun
  await report(
    door,
    outcome,
    `${agent} ${isMade ? "is" : "would be"} an agent of this vault.`,
    ...(recipient === undefined ? [] : elsewhereLines(door, recipient)),
    ...(output !== undefined && isMade ? deliveryLines(agent, output) : []),
  )
  if (isMade) tell(door, `Next: agent-vault grant ${agent} GROUP`)
}

/** Where the key goes. Announces the agent before its key file. */
async function newKeyOutput(door: Door, request: ChangeRequest, agent: string): Promise<KeyOutput> {
  try {
    return keyOutput(door, claimedId(request.place), parseAgentName(agent))
  } catch (error) {
    await addAgent({ ...request, agent, dryRun: true })
    throw error
  }
}

/** The recipient of a key that was made elsewhere, as `--join` or `--recipient` says. Throws `USAGE`. */
export function recipientElsewhere(door: Door, place: Place, agent: string): string | undefined {
  const given = ["join", "recipient", "out"].filter((name) => option(door, name) !== undefined)
  if (given.length > 1) {
    throw new VaultError("USAGE", `--${given.join(" and --")} both say where the key is`, {
      hint: "a key made elsewhere stays there; --out is for one that is made here: give one of them",
    })
  }
  const line = option(door, "join")
  if (line === undefined) return option(door, "recipient")
  return acceptJoinLine(line, claimedId(place), parseAgentName(agent))
}

/** What is said of a key that was made elsewhere. */
export const NO_ESCROW =
  "Its key was made elsewhere, so there is no escrow: if it is lost, only a new one helps."

function elsewhereLines(door: Door, recipient: string): string[] {
  return [
    NO_ESCROW,
    ...(option(door, "join") === undefined
      ? []
      : [`Compare with who made it, before it may open anything: ${joinFingerprint(recipient)}`]),
  ]
}

/**
 * Hands a new identity over, and renames the key file that it replaces, if one may be there. The
 * vault has the key in escrow already, should this fail.
 */
export async function handOver(
  door: Door,
  { result, commit }: Outcome<Enrolled>,
  output: KeyOutput | undefined,
  replaced?: string,
): Promise<string | undefined> {
  const { agent, identity, recipient, vault, signer } = result
  if (identity === undefined || output === undefined || commit === undefined) return undefined
  try {
    const aside = replaced === undefined ? undefined : setKeyFileAside(replaced, door.now)
    await deliverKey(door, { identity, recipient, vault, agent, trust: signer }, output)
    return aside
  } catch (cause) {
    throw notDelivered(agent, commit, cause)
  }
}

function notDelivered(agent: string, commit: string, cause: unknown): VaultError {
  const why = VaultError.is(cause) ? `: ${cause.message}` : ""
  const made = `the change is committed (${commit.slice(0, 10)})`
  return new VaultError("NO_ACCESS", `${made}, but the key of ${agent} is not delivered${why}`, {
    hint: `bring the key out of its escrow: agent-vault agent recover ${agent} --out FILE`,
    cause,
  })
}

/** What JSON says of it: everything but the identity. */
export function publicPart(outcome: Outcome<Enrolled>, output: KeyOutput | undefined): object {
  const { identity: _identity, ...rest } = outcome.result
  return {
    ...rest,
    ...(output === undefined || output.to === "stdout" ? {} : { keyFile: output.file }),
    ...outcomePart(outcome),
  }
}
