import {
  VaultError,
  describeAgent,
  describeReadable,
  describeSecret,
  parseSecretName,
  policyOf,
  projectOf,
  questionOf,
  whichDecided,
} from "../../../core/index.js"
import { POLICY_DOORS } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print } from "../../door/render.js"
import { option, placeOf } from "../../door/who.js"

/** Ends with 1 if the agent gets the secret by no door. */
export async function run(door: Door): Promise<number> {
  const [word = ""] = door.call.words
  const name = parseSecretName(word)
  const agent = option(door, "agent")
  if (agent === undefined) {
    throw new VaultError("USAGE", "a policy decides about an agent: which one is meant?", {
      hint: `agent-vault policy explain ${name.full} --agent AGENT`,
    })
  }
  const told = await readingVault(door, placeOf(door), undefined, async (vault) => {
    const { recipient } = describeAgent(vault, agent)
    const record = describeSecret(vault, name)
    const listed = describeReadable(vault, recipient, door.now, name.group)
    const readable = listed.some((each) => each.name === name.full && each.readable)
    const judge = await policyOf(vault)
    const session = { project: projectOf(door.env) }
    const doors = READING.map((each) => {
      const asked = { agent, door: each, name, record, session, now: door.now }
      return { door: each, ...(judge?.decide(questionOf(asked)) ?? { effect: "allow" as const }) }
    })
    return { readable, hasPolicy: judge !== undefined, doors }
  })
  const { readable, hasPolicy, doors } = told
  const code = readable && doors.some(({ effect }) => effect !== "deny") ? 0 : 1
  if (await asJson(door, { secret: name.full, agent, ...told })) return code
  const closed = `its group is closed to ${agent}; an owner: agent-vault grant ${agent} ${name.group}`
  await print(door, [
    `${name.full} to ${agent}`,
    ...(readable ? [] : [`  ${closed}`]),
    ...(hasPolicy
      ? doors.map((each) => `  ${each.door.padEnd(8)}${each.effect.padEnd(9)}${whichDecided(each)}`)
      : ["  there is no policy: at every door, as far as it was granted"]),
  ])
  return code
}

/** What the broker does depends on the request: `explain METHOD URL`. */
const READING = POLICY_DOORS.filter((each) => each !== "broker")
