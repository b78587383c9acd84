import {
  type Attribution,
  type Identity,
  type Place,
  VaultError,
  loadOwnValues,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import type { CallMade, Wishes } from "../../serving/serving.js"
import { identityOf, placeOf } from "../door/who.js"
import { noteOnce } from "../terminal/terminal.js"
import type { SessionQuestions } from "../run/ask-person.js"
import { attributed } from "./tool-call.js"

/** What a call's agent may ask of the owners. Loaded when it is first asked: most servers are not. */
export function wishesOf(door: Door, questions: SessionQuestions): Wishes {
  const onNote = noteOnce(door.terminal)
  return {
    access: async (wish, call) => {
      const { requestAccess } = await import("../../core/owner.js")
      const { place, key, env } = await asking(door, wish.why, call)
      const { program } = call
      return requestAccess({ ...wish, place, key, env, now: new Date(), program, onNote })
    },
    secret: async (wish, call, { byClient, signal }) => {
      const { place, key, env } = await asking(door, wish.why, call)
      const { program } = call
      const request = { ...wish, place, key, env, now: new Date(), program, onNote }
      const { gainSecret } = await import("./gain-secret.js")
      const { enter } = await questions(byClient)
      return gainSecret(door, request, enter, signal)
    },
  }
}

/** Who asks, where, for a reason that others may read. */
async function asking(door: Door, why: string, call: CallMade) {
  const place = placeOf(door)
  const key = await identityOf(door, place, "never")
  await refuseValueIn(door, { place, key, by: attributed(call, door.env) }, why)
  return { place, key, env: door.env }
}

/** A wish is committed past the hook that guards commits. Throws `USAGE`. */
async function refuseValueIn(
  { env }: Door,
  { place, key, by }: { place: Place; key: Identity; by: Partial<Attribution> },
  why: string,
): Promise<void> {
  const { ownValues } = await loadOwnValues()
  const { find } = await ownValues(place, key, env, by)
  const [found] = find(Buffer.from(why))
  if (found === undefined) return
  throw new VaultError("USAGE", `the reason holds the value of ${found.secret}`, {
    hint: "give the reason without it: everybody who has the repository reads it",
  })
}
