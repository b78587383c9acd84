import type { StoreScheme } from "../records/source.js"
import { type Vault, findGroup, listAgents, listGroups, notFound } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { agentRecordPath, classify } from "../words/layout.js"
import { parseAgentName } from "../words/names.js"
import type { Progress } from "../words/progress.js"
import { type PastGroupKey, pastGroupKeys } from "./past-group-keys.js"
import { readersOfValue, sealedToUnknown } from "./past-readers.js"
import type { VaultInGit } from "./past-records.js"
import { type PastValue, pastValues } from "./past-values.js"
import { SignedPast } from "./signed-past.js"
import type { PastGaps } from "./who-could-read.js"

/** A key that an agent had, and that is taken for lost. */
interface LostKey {
  readonly recipient: string
  /** Whether it is the one that the agent's record has now. */
  readonly isPresent: boolean
  /** Other names under which it was an agent's. */
  readonly alsoOf: readonly string[]
}

/** A value that a lost key opens. */
export interface OpenedValue {
  /** What its secret is called, or was called last. */
  readonly name: string
  /** All that it was called. */
  readonly names: readonly string[]
  readonly version: number
  readonly set: string
  /** Since when one of the keys opens it. */
  readonly from: string
  /** `gone`: it was removed, or is on another branch, and may still work at its source. */
  readonly is: "present" | "earlier" | "gone"
  /** The store that the value lies in: what a key opens is where it points. */
  readonly store?: StoreScheme
  /** The keys that open it; none where only an exposure tells of it. */
  readonly recipients: readonly string[]
}

/** What the keys of an agent open, in all of history. */
export interface Blast extends PastGaps {
  readonly agent: string
  readonly keys: readonly LostKey[]
  /** The groups that one of these keys opens now. */
  readonly groups: readonly string[]
  /** Present values first, then what is gone; newest first within a secret. */
  readonly opens: readonly OpenedValue[]
  /** The values in the history that none of the keys opens. */
  readonly closed: number
}

interface BlastOptions {
  /** How the recipients begin of the keys that are meant, where not all are. */
  readonly only?: string | undefined
  readonly onProgress?: Progress | undefined
}

/**
 * What every key opens that an agent ever had, whoever holds it and whatever clock they have: all
 * values that were sealed to a key of a group which was sealed to it, on all branches and tags here.
 * From the signed records; needs no key. Throws `AGENT_NOT_FOUND`, `USAGE`.
 */
export async function blast(
  where: VaultInGit,
  agent: string,
  now: Date,
  { only = "", onProgress }: BlastOptions = {},
): Promise<Blast> {
  parseAgentName(agent)
  const { vault } = where
  const past = await SignedPast.of(where, now, onProgress)
  const { keys, missing: groups } = await pastGroupKeys(where, past)
  const known = keysOf(past, keys, agent)
  const own = known.filter(({ recipient }) => recipient.startsWith(only))
  const { values, missing } = pastValues(vault, past)
  const recipients = new Set(own.map(({ recipient }) => recipient))
  const opens = values.flatMap((value) => openedBy(value, keys, recipients, agent))
  if (known.length === 0 && opens.length === 0) refuseUnknown(vault, past, keys, agent)
  if (own.length === 0 && only !== "") {
    throw new VaultError("USAGE", `${agent} never had a key whose recipient begins so`, {
      hint: `see all that it had: agent-vault blast ${agent}`,
    })
  }
  return {
    agent,
    keys: own,
    groups: listGroups(vault).filter((group) => opensNow(vault, group, recipients)),
    opens: opens.sort(inOrder),
    closed: values.length - opens.length,
    uncounted: past.uncounted,
    missing: [...missing, ...groups, ...sealedToUnknown(values, keys)],
    shallow: past.isShallow,
  }
}

/** Every key that was the agent's, by its own records and by those of groups. */
function keysOf(
  past: SignedPast,
  keys: ReadonlyMap<string, PastGroupKey>,
  agent: string,
): LostKey[] {
  const holders = [...keys.values()].flatMap((key) => key.holders)
  const records = past
    .agents(agentRecordPath(agent))
    .sort((a, b) => a.record.serial - b.record.serial)
  const named = holders.filter(({ who, name }) => who === "agent" && name === agent)
  const recipients = new Set([
    ...records.map(({ record }) => record.recipient),
    ...named.flatMap(({ recipient }) => recipient ?? []),
  ])
  const last = records.at(-1)?.record
  return [...recipients].map((recipient) => ({
    recipient,
    isPresent: last?.recipient === recipient && last.ended === undefined,
    alsoOf: [
      ...new Set(
        holders
          .filter((each) => each.recipient === recipient && each.name !== agent)
          .map(({ name }) => name),
      ),
    ],
  }))
}

function openedBy(
  value: PastValue,
  keys: ReadonlyMap<string, PastGroupKey>,
  recipients: ReadonlySet<string>,
  agent: string,
): OpenedValue[] {
  // A key is a key under whatever name it was let in.
  const own = readersOfValue(value, keys).filter(({ who, name, recipient }) =>
    recipient === undefined ? who === "agent" && name === agent : recipients.has(recipient),
  )
  const [from] = own.map((reader) => reader.from).sort()
  if (from === undefined) return []
  const { names, present, version, changed, isGone, store } = value
  return [
    {
      name: present ?? names.at(-1) ?? "",
      names,
      version,
      set: changed,
      from,
      is: present !== undefined ? "present" : isGone ? "gone" : "earlier",
      ...(store && { store }),
      recipients: [...new Set(own.flatMap(({ recipient }) => recipient ?? []))],
    },
  ]
}

const ORDER = { present: 0, gone: 1, earlier: 2 }

function inOrder(one: OpenedValue, other: OpenedValue): number {
  if (one.is !== other.is) return ORDER[one.is] - ORDER[other.is]
  if (one.name !== other.name) return one.name < other.name ? -1 : 1
  return other.version - one.version
}

function opensNow(vault: Vault, group: string, recipients: ReadonlySet<string>): boolean {
  try {
    return findGroup(vault, group)?.members.some((each) => recipients.has(each.recipient)) ?? false
  } catch (error) {
    // A record that is refused lets nobody in; `check` tells why.
    if (VaultError.is(error)) return false
    throw error
  }
}

function refuseUnknown(
  vault: Vault,
  past: SignedPast,
  keys: ReadonlyMap<string, PastGroupKey>,
  agent: string,
): never {
  if (vault.record.owners.some(({ name }) => name === agent)) {
    throw new VaultError("AGENT_NOT_FOUND", `${agent} is an owner, not an agent`, {
      hint: `an owner's key opens everything: rotate all that agent-vault list shows`,
    })
  }
  const before = [...past.paths()].flatMap((path) => {
    const file = classify(path)
    return file.is === "agent" ? [file.agent] : []
  })
  const held = [...keys.values()].flatMap(({ holders }) => holders.map(({ name }) => name))
  throw notFound("AGENT_NOT_FOUND", "agent", agent, [
    ...new Set([...listAgents(vault), ...before, ...held]),
  ])
}
