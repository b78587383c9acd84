import {
  type Attribution,
  type Identity,
  type Place,
  VaultError,
  loadOwnValues,
} from "../../core/index.js"
import type { AskBy } from "../../questions/question.js"
import type { Questions } from "../../questions/questions.js"
import type { Door } from "../door/door.js"
import type { CallMade, Wishes } from "../../serving/serving.js"
import { identityOf, placeOf } from "../door/who.js"
import { noteOnce } from "../terminal/terminal.js"
import { questionsThrough } from "../run/ask-person.js"
import { attributed } from "./tool-call.js"

/** What a call's agent may ask of the owners. Loaded when it is first asked: most servers are not. */
export function wishesOf(door: Door): Wishes {
  const onNote = noteOnce(door.terminal)
  const enter = entering(door)
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
      return gainSecret(door, request, await enter(byClient), signal)
    },
  }
}

/** How values are asked for: one question at a time, and no more of one to which a person said no. */
function entering(door: Door): (byClient: AskBy) => Promise<Questions["enter"]> {
  let loading: Promise<Questions> | undefined
  const refused = new Set<string>()
  return async (byClient) => {
    const questions = await (loading ??= questionsThrough(door, byClient))
    return async (question, gone) => {
      if (refused.has(question.secret)) return { without: "decline" }
      const answer = await questions.enter(question, gone)
      if ("without" in answer && answer.without === "decline") refused.add(question.secret)
      return answer
    }
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
