import {
  type AskedRequest,
  type Explanation,
  type Going,
  type SecretListing,
  VaultError,
  describeAgent,
  describeReadable,
  describeSecrets,
  explainRequest,
  parseRequest,
  useCommandFor,
} from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print } from "../../door/render.js"
import { identityIfSet, option, placeOf } from "../../door/who.js"

/** Ends with 1 if no secret goes with the request. */
export async function run(door: Door): Promise<number> {
  const [method = "", url = ""] = door.call.words
  const request = parseRequest(method, url)
  const place = placeOf(door)
  const agent = option(door, "agent")
  const identity = await identityIfSet(door, place).catch((error: unknown) => {
    // Whoever asks about an agent needs no key of it.
    if (agent !== undefined && VaultError.is(error, "KEY_NOT_FOUND")) return undefined
    throw error
  })
  const secrets = await readingVault(door, place, identity?.trust, (vault) => {
    const recipient =
      agent === undefined ? identity?.recipient : describeAgent(vault, agent).recipient
    if (recipient === undefined) return describeSecrets(vault)
    return describeReadable(vault, recipient, door.now)
  })
  const asked = { ...request, ...(agent === undefined ? {} : { agent }) }
  const explanation = withAccess(
    explainRequest(secrets, request),
    secrets,
    agent ?? identity?.agent,
  )
  const { goes, stays } = explanation
  const hint =
    goes.length + stays.length > 0
      ? undefined
      : `an owner: ${await useCommandFor(request, secrets.length > 0)}`
  const code = goes.some(({ ask }) => ask === undefined) ? 0 : 1
  const document = { ...asked, ...explanation, ...(hint === undefined ? {} : { hint }) }
  if (await asJson(door, document)) return code
  await print(door, linesOf(explanation, request, hint))
  return code
}

/** A secret that would go, and what an owner would type first. */
type GoingTold = Going & { readonly ask?: string }

interface Access {
  readonly goes: readonly GoingTold[]
  readonly stays: Explanation["stays"]
}

/** Adds what whoever asks may not open: a rule alone lets nobody use a secret. */
function withAccess(
  { goes, stays }: Explanation,
  secrets: readonly (SecretListing & { readonly readable?: boolean })[],
  agent = "AGENT",
): Access {
  const closed = new Set(secrets.flatMap(({ name, readable }) => (readable === false ? name : [])))
  const told = goes.map((each): GoingTold => {
    const [group = ""] = each.secret.split("/")
    return closed.has(each.secret) ? { ...each, ask: `agent-vault grant ${agent} ${group}` } : each
  })
  return { goes: told, stays }
}

function linesOf(
  { goes, stays }: Access,
  { method, host, port, path }: AskedRequest,
  hint: string | undefined,
): string[] {
  const target = port === 443 ? host : `${host}:${port}`
  return [
    `${method} ${target}${path}`,
    ...goes.flatMap(({ secret, number, rule, ask }) => [
      `  ${secret} goes in ${rule.at.join(" or ")} as ${rule.scheme}: its rule ${number}${ASKS[rule.ask]}`,
      ...(ask === undefined ? [] : [`    its group is closed to the agent; an owner: ${ask}`]),
    ]),
    ...stays.flatMap(({ message, hint: way }) => [
      `  ${message}`,
      ...(way === undefined ? [] : [`    ${way}`]),
    ]),
    ...(hint === undefined
      ? []
      : [`  no use names ${target}, so no secret goes there`, `    ${hint}`]),
  ]
}

const ASKS = {
  never: "",
  session: "; a person is asked until they say yes for the session",
  each: "; a person is asked each time",
}
