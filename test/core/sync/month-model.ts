/** A value that somebody set, or chose in a merge: the same text chosen is another value. */
interface Value {
  readonly text: string
}

/** What a record says besides the value, a text for each; what is not said is not there. */
export interface Said {
  readonly description?: string | undefined
  readonly expires?: string | undefined
  /** The words of the program that makes a new value. */
  readonly rotation?: string | undefined
}

/** A secret as it should be. */
export interface Secret extends Said {
  readonly value: Value
}

/** What a vault should hold: who added each owner, secrets by name, the present key by agent, who opens which group. */
export interface Model {
  readonly owners: ReadonlyMap<string, string>
  readonly secrets: ReadonlyMap<string, Secret>
  /** Undefined: removed. */
  readonly agents: ReadonlyMap<string, string | undefined>
  /** `AGENT GROUP` */
  readonly grants: ReadonlySet<string>
}

/**
 * What both sides changed goes to the remote's, but for what takes access away: a grant of one side is
 * gone where the other one revoked it meanwhile, even if that one had granted it as well.
 */
export function merged(
  common: Model,
  own: Model,
  remote: Model,
  revoked: { readonly own: ReadonlySet<string>; readonly remote: ReadonlySet<string> },
): Model {
  const names = new Set([...own.secrets.keys(), ...remote.secrets.keys()])
  const secrets = [...names].flatMap((name) => {
    const [was, here, there] = [common, own, remote].map((side) => side.secrets.get(name))
    const secret = mergedSecret(was, here, there)
    return secret === undefined ? [] : [[name, secret] as const]
  })
  const agents = [...new Set([...own.agents.keys(), ...remote.agents.keys()])].map((agent) => {
    const [was, here, there] = [common, own, remote].map((side) => side.agents.get(agent))
    const isEnded = [own, remote].some(
      (side) => side.agents.has(agent) && side.agents.get(agent) === undefined,
    )
    return [agent, isEnded ? undefined : pick(was, here, there)] as const
  })
  const ended = new Set(agents.flatMap(([agent, key]) => (key === undefined ? agent : [])))
  const grants = [...new Set([...own.grants, ...remote.grants])].filter((pair) => {
    const [agent = ""] = pair.split(" ")
    if (ended.has(agent)) return false
    if (own.grants.has(pair) && remote.grants.has(pair)) return true
    const isRevoked = (own.grants.has(pair) ? revoked.remote : revoked.own).has(pair)
    return !common.grants.has(pair) && !isRevoked
  })
  const owners = [...new Map([...own.owners, ...remote.owners])].filter(
    ([name]) => !common.owners.has(name) || (own.owners.has(name) && remote.owners.has(name)),
  )
  return {
    owners: new Map(owners),
    secrets: new Map(secrets),
    agents: new Map(agents),
    grants: new Set(grants),
  }
}

/** Owners who were added on both sides, and not alike, are for people to settle: nothing is merged. */
export function isOfTwoMinds(common: Model, own: Model, remote: Model): boolean {
  if ([...own.owners].join() === [...remote.owners].join()) return false
  return [own, remote].every(({ owners }) => owners.size > common.owners.size)
}

/** Value and each text go their own way. Who removed what the other side changed contradicts it. */
function mergedSecret(
  was: Secret | undefined,
  here: Secret | undefined,
  there: Secret | undefined,
): Secret | undefined {
  if (here === undefined || there === undefined) {
    const left = here ?? there
    if (was === undefined) return left
    return left !== undefined && isSame(was, left) ? undefined : there
  }
  const isTwice = [here, there].every(({ value }) => value !== was?.value)
  return {
    // Whoever chooses one of two values changes the secret, as whoever sets it does.
    value: isTwice ? { ...there.value } : pick(was?.value, here.value, there.value),
    description: pick(was?.description, here.description, there.description),
    expires: pick(was?.expires, here.expires, there.expires),
    rotation: pick(was?.rotation, here.rotation, there.rotation),
  }
}

const PARTS = ["value", "description", "expires", "rotation"] as const

function isSame(one: Secret, other: Secret): boolean {
  return PARTS.every((part) => one[part] === other[part])
}

function pick<V, W extends V>(was: V, here: W, there: W): W {
  return there === was ? here : there
}
