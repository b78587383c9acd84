import { USE_SCHEMES, type Use, type UsePlace } from "../records/use.js"
import type { AuditLine, AuditedSecret } from "./audit-line.js"

/** What somebody did with a secret, by an audit. */
export interface UsedSecret {
  readonly secret: string
  /** Lines in which its value was handed out or sent. */
  readonly times: number
  readonly first: string
  readonly last: string
  /** Where it was sent, sorted; `host:port` if the port is not 443. */
  readonly hosts: readonly string[]
}

/** What lines say of how secrets were used, by name. */
export function usedSecrets(lines: Iterable<AuditLine>): UsedSecret[] {
  return usedBy(lines, ({ name }) => name)
}

/** The same of each value by itself; `secret` is `GROUP/NAME@VERSION`. */
export function usedVersions(lines: Iterable<AuditLine>): UsedSecret[] {
  return usedBy(lines, ({ name, version }) =>
    version === undefined ? undefined : `${name}@${version}`,
  )
}

function usedBy(
  lines: Iterable<AuditLine>,
  nameOf: (secret: AuditedSecret) => string | undefined,
): UsedSecret[] {
  const used = new Map<string, UsedSecret>()
  for (const line of lines) {
    // What the broker reads for itself it looks for, and hands to nobody.
    const isHandedOut = line.event === "read" && line.door !== "broker"
    if (!isHandedOut && line.event !== "request") continue
    for (const secret of line.secrets ?? []) {
      const name = nameOf(secret)
      if (name === undefined) continue
      const before = used.get(name)
      const hosts = new Set(before?.hosts ?? [])
      if (line.host !== undefined) hosts.add(authorityOf(line.host, line.port))
      used.set(name, {
        secret: name,
        times: (before?.times ?? 0) + 1,
        first: before === undefined || line.at < before.first ? line.at : before.first,
        last: before === undefined || line.at > before.last ? line.at : before.last,
        hosts: [...hosts].sort(),
      })
    }
  }
  return [...used.values()].sort((one, other) => (one.secret < other.secret ? -1 : 1))
}

/** The narrowest rules by which all requests of an audit could have been sent, by secret. */
export function suggestUses(lines: readonly AuditLine[]): { secret: string; use: Use }[] {
  const rules = new Map<string, { secret: string; use: Use; methods: Set<string> }>()
  for (const line of lines) {
    const { host, method, path, place } = line
    const scheme = USE_SCHEMES.find((known) => known === line.scheme)
    if (line.event !== "request" || line.decision === "refused" || scheme === undefined) continue
    if (host === undefined || method === undefined || path === undefined || place === undefined) {
      continue
    }
    const hosts = [authorityOf(host, line.port)]
    for (const { name: secret } of line.secrets ?? []) {
      const key = JSON.stringify([secret, hosts, path, place, scheme])
      const at = [place as UsePlace]
      const use: Use = { hosts, methods: [], paths: [path], at, scheme, ask: "never" }
      const rule = rules.get(key) ?? { secret, use, methods: new Set<string>() }
      rule.methods.add(method)
      rules.set(key, rule)
    }
  }
  return [...rules.values()]
    .map(({ secret, use, methods }) => ({ secret, use: { ...use, methods: [...methods].sort() } }))
    .sort((one, other) => (one.secret < other.secret ? -1 : 1))
}

/** `host`, or `host:port` if the port is not 443, as a rule has it. */
export function authorityOf(host: string, port: number | undefined): string {
  return port === undefined || port === 443 ? host : `${host}:${port}`
}
