import { groupRecordPath } from "../words/layout.js"
import { parseSecretName } from "../words/names.js"
import { laterOf } from "../words/time.js"
import type { PastHolder, PastGroupKey } from "./past-group-keys.js"
import type { PastValue } from "./past-values.js"
import type { MissingPast } from "./signed-past.js"

/** Somebody who could open a value. */
export interface PastReader {
  readonly who: "agent" | "owner"
  readonly name: string
  /** The public half of the key that opens it; absent where only an exposure tells of it. */
  readonly recipient?: string | undefined
  /** Since when: the value was sealed to a key that they had by then. UTC. */
  readonly from: string
  readonly until?: string | undefined
  /** When the group was taken from them. What they could open by then, they keep. */
  readonly lost?: string | undefined
}

/** Everybody who could open a value: holders of a key that it was sealed to, each with each key of theirs. */
export function readersOfValue(
  { seals, exposed, changed }: PastValue,
  keys: ReadonlyMap<string, PastGroupKey>,
): PastReader[] {
  const readers = new Map<string, PastReader>()
  // The last key of the value that they have, since when it was sealed to it, and when to another one.
  const last = new Map<string, { readonly sealed: string; readonly without?: string }>()
  for (const [fingerprint, since] of seals) {
    for (const [id, { sealed, without = since }] of last) last.set(id, { sealed, without })
    for (const holder of keys.get(fingerprint)?.holders ?? []) {
      const id = JSON.stringify([holder.who, holder.name, holder.recipient])
      readers.set(id, united(readers.get(id), holder, since))
      last.set(id, { sealed: since })
    }
  }
  for (const { agent, at } of exposed) {
    const own = [...readers].filter(([, { who, name }]) => who === "agent" && name === agent)
    if (own.length === 0) readers.set(agent, { who: "agent", name: agent, from: changed, lost: at })
    for (const [id, reader] of own) {
      const { sealed = "", without } = last.get(id) ?? {}
      // Not all that is exposed was taken from them: whoever has the value's last key lost nothing.
      if (reader.lost !== undefined || without === undefined) continue
      // Moved away from them, say: they still have the group that it was in. The exposure's time is
      // signed, but may be of a loss before.
      readers.set(id, { ...reader, lost: at < sealed ? without : at })
    }
  }
  return [...readers.values()]
}

/** By two keys they could open it since the earlier time, and lost it when they lost the last of them. */
function united(before: PastReader | undefined, holder: PastHolder, sealed: string): PastReader {
  const from = laterOf(sealed, holder.since)
  const { who, name, recipient, until, lost } = holder
  const reader = { who, name, recipient, from, until, lost }
  if (before === undefined) return reader
  const isLater = before.lost !== undefined && (lost === undefined || lost > before.lost)
  return { ...(isLater ? reader : before), from: from < before.from ? from : before.from }
}

/** Values that are sealed to a key which no record of a group here has. */
export function sealedToUnknown(
  values: readonly PastValue[],
  keys: ReadonlyMap<string, PastGroupKey>,
): MissingPast[] {
  return values.flatMap(({ names, version, seals }) => {
    if ([...seals.keys()].every((fingerprint) => keys.has(fingerprint))) return []
    const name = names.at(-1) ?? ""
    const what = `the record of a key that ${name}@${version} was sealed to is not here: nobody can say who had it`
    return [{ path: groupRecordPath(parseSecretName(name).group), what }]
  })
}
