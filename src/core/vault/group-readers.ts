import type { GroupRecord } from "../records/record.js"

/** An agent that opens a group, and until when. */
export interface GroupReader {
  readonly agent: string
  readonly until?: string
}

/** The agents that open a group, by its signed record; those whose grant has ended too. */
export function readersOfGroup({ members }: Pick<GroupRecord, "members">): GroupReader[] {
  return members.map(({ agent, until }) => ({ agent, ...(until === undefined ? {} : { until }) }))
}
