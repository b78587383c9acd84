import {
  AuditTail,
  type Place,
  type UsedSecret,
  asVaultError,
  auditFileOf,
  auditFolder,
  claimedId,
  publishedElsewhere,
  usedSecrets,
} from "../../core/index.js"
import type { Door } from "./door.js"
import { counted } from "./render.js"

/** What an agent did with secrets, as far as this machine and the vault know it. */
interface Used {
  readonly secrets: readonly UsedSecret[]
  /** Chains that it published, which are not this machine's. */
  readonly elsewhere: number
  /** Why its audit could not be read: that stops no owner. */
  readonly unread?: string
}

/**
 * What the audit on this machine says of an agent, all groups or these. Throws nothing. To be asked once
 * all else is done: the agent may have written a file that nobody gets to the end of.
 */
export function usedBy(
  door: Door,
  place: Place,
  agent: string,
  groups: readonly string[] | "all",
): Used {
  try {
    const vault = claimedId(place)
    const file = auditFileOf(auditFolder(vault, door.env), { role: "agent", name: agent })
    const isMeant = ({ secret }: UsedSecret): boolean =>
      groups === "all" || groups.some((group) => secret.startsWith(`${group}/`))
    const secrets = usedSecrets(new AuditTail(file).each()).filter(isMeant)
    return { secrets, elsewhere: publishedElsewhere(place, vault, agent, file) }
  } catch (error) {
    return { secrets: [], elsewhere: 0, unread: asVaultError(error).message }
  }
}

/** The same for a person, to be said before what the agent could have read. */
export function usedLines(agent: string, { secrets, elsewhere, unread }: Used): string[] {
  if (unread !== undefined) return [`What ${agent} used here cannot be told: ${unread}`]
  const others =
    elsewhere === 0
      ? []
      : [`  and it published ${counted(elsewhere, "audit")} of other machines: look there too`]
  if (secrets.length === 0) {
    return [`${agent} used none of them on this machine, by its audit.`, ...others]
  }
  return [
    `${agent} used on this machine, by its audit:`,
    ...secrets.map(({ secret, times, last, hosts }) => {
      const sent = hosts.length === 0 ? "" : `, sent to ${hosts.join(", ")}`
      return `  ${secret}  ${counted(times, "time")}, last ${last}${sent}`
    }),
    ...others,
  ]
}
