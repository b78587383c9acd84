import { existsSync } from "node:fs"
import {
  type AuditLine,
  AuditTail,
  VaultError,
  auditFileOf,
  auditFiles,
  auditFolder,
  claimedId,
  parseMoment,
} from "../../core/index.js"
import type { Door } from "./door.js"
import { identityOf, isSet, option, options, placeOf, userPath } from "./who.js"

/**
 * The files that a call means: those that it names, else this machine's of the vault. One that is
 * named and is not there yet may be followed. Throws `USAGE`.
 */
export function auditFilesOf(door: Door): string[] {
  const named = door.call.words.map((word) => userPath(door, word))
  const missing = isSet(door, "follow") ? undefined : named.find((file) => !existsSync(file))
  if (missing !== undefined) {
    throw new VaultError("USAGE", `there is no file ${missing}`, {
      hint: "name a file with lines of an audit; without one, those of this machine are meant",
    })
  }
  return named.length > 0 ? named : auditFiles(auditFolder(claimedId(placeOf(door)), door.env))
}

/** The lines of an agent in the audit that a call's reads are noted in; none with `--no-audit`. */
export async function linesNoted(door: Door): Promise<readonly AuditLine[]> {
  if (isSet(door, "no-audit")) return []
  const place = placeOf(door)
  const { agent } = await identityOf(door, place, "never")
  const file = option(door, "audit")
  const isOwn = ({ agent: who }: AuditLine): boolean => agent === undefined || who === agent
  if (file !== undefined) return new AuditTail(userPath(door, file)).more().filter(isOwn)
  const folder = auditFolder(claimedId(place), door.env)
  const files =
    agent === undefined ? auditFiles(folder) : [auditFileOf(folder, { role: "agent", name: agent })]
  return files.flatMap((each) => new AuditTail(each).more()).filter(isOwn)
}

/** Whether a line is one that the options of a call ask for. Throws `USAGE`. */
export function filterOf(door: Door): (line: AuditLine) => boolean {
  const agent = option(door, "agent")
  const [secrets, hosts] = [options(door, "secret"), options(door, "host")]
  const [since, until] = [momentOf(door, "since"), momentOf(door, "until")]
  if (since !== undefined && until !== undefined && since >= until) {
    throw new VaultError("USAGE", `nothing is since ${since} and until ${until}`, {
      hint: "--since is the earlier of the two: --since 2d --until 1d",
    })
  }
  const isMeant = ({ name }: { name: string }): boolean =>
    secrets.some((secret) => name === secret || name.startsWith(`${secret}/`))
  return (line) =>
    (agent === undefined || line.agent === agent) &&
    (hosts.length === 0 || hosts.some((host) => line.host === host.toLowerCase())) &&
    (since === undefined || line.at >= since) &&
    (until === undefined || line.at < until) &&
    (secrets.length === 0 || (line.secrets ?? []).some(isMeant))
}

/** A time, or how long ago. */
function momentOf(door: Door, name: string): string | undefined {
  const text = option(door, name)
  return text === undefined ? undefined : parseMoment(text, door.now, -1)
}
