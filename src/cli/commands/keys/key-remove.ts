import { VaultError, claimedId, parseAgentName } from "../../../core/index.js"
import { type RemoveKeyRequest, removeKey } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { verifiedOr } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { isSet, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const holder = holderMeant(door)
  const place = placeOf(door)
  const vault = claimedId(place)
  const removed = await withPerson(door, (person) =>
    verifiedOr(door, place, (verified) =>
      removeKey(vault, verified, { holder, env: door.env, person }),
    ),
  )
  if (await asJson(door, { removed })) return
  tell(door, `${removed} is removed; nothing changed in the repository.`)
  if (holder.role === "agent") {
    tell(door, `An owner can bring it back: agent-vault agent recover ${holder.name}`)
  }
}

function holderMeant(door: Door): RemoveKeyRequest["holder"] {
  const [agent] = door.call.words
  if (isSet(door, "owner") && agent === undefined) return { role: "owner" }
  if (agent !== undefined && !isSet(door, "owner")) {
    return { role: "agent", name: parseAgentName(agent) }
  }
  throw new VaultError("USAGE", "key remove takes the name of an agent, or --owner", {
    hint: "see which keys are here: agent-vault key list",
  })
}
