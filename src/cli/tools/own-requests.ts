import { VaultError, openBrokered, parseSecretName } from "../../core/index.js"
import type { Questions } from "../../questions/questions.js"
import type { Door } from "../door/door.js"
import type { CallMade, RefusedRequest, SecretRequest, WireReply } from "../../serving/serving.js"
import { auditOf } from "../door/reading.js"
import { identityOf, placeOf } from "../door/who.js"
import { noteOnce } from "../terminal/terminal.js"
import { tellUnsearched } from "../run/brokered.js"
import { closeAll } from "./close-all.js"
import { attributed } from "./tool-call.js"

/**
 * Sends requests with secrets of a call's agent, through the broker. What a person agrees to for the
 * session holds as long as this is used.
 */
export function senderFor(
  door: Door,
  questions: () => Promise<Questions>,
): (request: SecretRequest, call: CallMade) => Promise<WireReply> {
  const onNote = noteOnce(door.terminal)
  const onUnsearched = sayOnce(door)
  // Loaded when it is first needed: most servers send nothing.
  const load = async (who: string) => {
    const { choose } = await questions()
    return (await door.others.ownRequests()).ownRequests(choose, who)
  }
  let loading: ReturnType<typeof load> | undefined
  return async ({ secrets, ...request }, call) => {
    const place = placeOf(door)
    const key = await identityOf(door, place, "never")
    const by = attributed(call, door.env)
    const { program = "an MCP client" } = by
    const send = await (loading ??= load(`${program}, as the agent ${key.agent ?? "of this key"}`))
    const audit = auditOf(door, place, by)
    const { env } = door
    const vault = await openBrokered(
      { place, key, env, audit, onNote },
      secrets.map(parseSecretName),
    )
    try {
      return await send({ ...request, vault, env, onUnsearched })
    } finally {
      await closeAll([() => vault.close(), () => vault.endLeases()])
    }
  }
}

/**
 * Notes what a rule refused before the broker had anything to do with it. Nothing leaves by that, so
 * what cannot be noted stops nothing; the next value it does.
 */
export function refusalNotes(
  door: Door,
): (refusal: RefusedRequest, call: CallMade) => Promise<void> {
  const onNote = noteOnce(door.terminal)
  return async ({ secrets, code, ...where }, call) => {
    try {
      const place = placeOf(door)
      const key = await identityOf(door, place, "never")
      const audit = auditOf(door, place, attributed(call, door.env))
      const vault = await openBrokered({ place, key, env: door.env, audit, onNote }, [])
      try {
        const named = secrets.length === 0 ? {} : { secrets: secrets.map((name) => ({ name })) }
        vault.note({ ...where, ...named, event: "refused", decision: "refused", reason: code })
      } finally {
        vault.close()
      }
    } catch (error) {
      // The refusal is what is told.
      if (!(error instanceof VaultError)) throw error
    }
  }
}

/** Which secrets the gate does not look for is the same for most requests. */
function sayOnce(door: Door): (secrets: readonly string[]) => void {
  let before = ""
  return (secrets) => {
    if (secrets.join() !== before) tellUnsearched(door, secrets)
    before = secrets.join()
  }
}
