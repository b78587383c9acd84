import { claimedId, findAnchor } from "../../../core/index.js"
import { type OwnerJoinRequest, join, joinAsOwner } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { choosePassphrase } from "../../keys/new-passphrase.js"
import { inSameFolder } from "../../door/from-here.js"
import { asJson, print, tell } from "../../door/render.js"
import { isSet, passphraseOf, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  await (isSet(door, "owner") ? joinOwner(door) : joinAgent(door))
  if (isSet(door, "json")) return
  if (findAnchor(claimedId(place), undefined, door.env) === undefined) {
    const next = inSameFolder("agent-vault trust", door.call)
    tell(door, `Nobody is trusted here yet. Compare the owner's signer: ${next}`)
  }
}

async function joinAgent(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const joined = await join(placeOf(door), name, door.env, door.now, passphraseOf(door))
  if (await asJson(door, joined)) return
  const { agent, file, line, fingerprint, wasHere, isAgent } = joined
  tell(
    door,
    `The key of ${agent} ${wasHere ? "is here already" : "is made, and stays here"}: ${file}`,
  )
  if (isAgent) {
    tell(door, `${agent} is an agent of this vault already, with this key.`)
    tell(door, `What it opens: agent-vault agent show ${agent}`)
    return
  }
  await print(door, [line])
  tell(
    door,
    "Give an owner this line, by any way: it holds no secret. They type:",
    `  agent-vault agent add ${agent} --join LINE`,
    `and compare this fingerprint with you, by another way: ${fingerprint}`,
  )
}

async function joinOwner(door: Door): Promise<void> {
  const [owner = ""] = door.call.words
  const joined = await joinAsOwner(placeOf(door), {
    owner,
    env: door.env,
    now: door.now,
    ask: passphraseOf(door),
    choose: () =>
      choosePassphrase(door, {
        from: "passphrase-fd",
        nothing: `nothing was made: repeat agent-vault join ${owner} --owner`,
      }),
  })
  if (await asJson(door, joined)) return
  tell(door, ...keyLines(joined))
  await print(door, [joined.line])
  tell(
    door,
    "Give a present owner this line, by any way: it holds no secret. They type:",
    `  agent-vault owner add ${owner} --join LINE`,
    `and compare this fingerprint with you, by another way: ${joined.fingerprint}`,
    "Until then the key opens nothing. Afterwards: agent-vault sync",
  )
}

function keyLines({ owner, file, wasHere, hasPassphrase }: OwnerJoinRequest): string[] {
  if (wasHere) return [`The owner's key of ${owner} is here already: ${file}`]
  return [
    `The owner's key of ${owner} is made, and stays here: ${file}`,
    hasPassphrase
      ? "  Back it up now: copy it to a safe place, and its passphrase to another."
      : "  Back it up now: print it, or copy it to a safe place. It has no passphrase.",
  ]
}
