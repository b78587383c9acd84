import type { Exposure, OwnerExposure, SecretRecord } from "./record.js"

/** The members of a secret's record that say to whom its present value is exposed. */
export type Exposures = Pick<SecretRecord, "exposed" | "exposedToOwners">

/**
 * Those members, of what is known of agents and of owners who were removed: one entry for each, the
 * first that is given.
 */
export function exposures(
  agents: readonly Exposure[],
  owners: readonly OwnerExposure[],
): Exposures {
  const exposed = firstOfEach(agents, ({ agent }) => agent)
  const exposedToOwners = firstOfEach(owners, ({ owner }) => owner)
  return {
    ...(exposed.length === 0 ? {} : { exposed }),
    ...(exposedToOwners.length === 0 ? {} : { exposedToOwners }),
  }
}

/** By name, as a record lists them. */
function firstOfEach<T>(entries: readonly T[], nameOf: (entry: T) => string): readonly T[] {
  const first = new Map<string, T>()
  for (const entry of entries) if (!first.has(nameOf(entry))) first.set(nameOf(entry), entry)
  return [...first].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry)
}
