import { AWS_VARIABLES, type BoundSecret, loadServices } from "../core/index.js"
import { signerOf } from "./sign/in-session.js"
import { type ReadyBroker, hostsOf } from "./ready-broker.js"

/** What programs are given of the secrets that a broker serves. */
export interface ServedSecrets {
  /** The placeholder of each secret that has a use. */
  readonly placeholders: ReadonlyMap<string, string>
  /** The catalogue's service of each of them that was taken from one. */
  readonly services: ReadonlyMap<string, string>
  /** In whose name those sign that sign for AWS: ids of access keys, which are no secret. */
  readonly signers: ReadonlyMap<string, string>
}

/** All variables that a service's secret may become besides those that were chosen. */
export async function servableVariables(): Promise<readonly string[]> {
  const { listServices } = await loadServices()
  return [AWS_VARIABLES.id, ...listServices().flatMap(({ variables }) => variables)]
}

/** What a ready broker serves. */
export function servedBy({ uses, placeholders }: ReadyBroker): ServedSecrets {
  return {
    placeholders: new Map([...uses.keys()].map((name) => [name, placeholders.of(name) ?? ""])),
    services: servicesOf(uses),
    signers: signersOf(uses),
  }
}

/** Whether a use names this machine, which programs would reach past their proxy. */
export function isMachineBound(uses: ReadonlyMap<string, BoundSecret>): boolean {
  return hostsOf(uses).some(isLocal)
}

function signersOf(uses: ReadonlyMap<string, BoundSecret>): ReadonlyMap<string, string> {
  return new Map(
    [...uses].flatMap(([secret, each]) => {
      const rule = each.uses.find(({ scheme }) => scheme === "sigv4")
      return rule === undefined ? [] : [[secret, signerOf(rule)] as const]
    }),
  )
}

function servicesOf(uses: ReadonlyMap<string, BoundSecret>): ReadonlyMap<string, string> {
  return new Map(
    [...uses].flatMap(([secret, each]) => {
      const service = each.uses.find((use) => use.service !== undefined)?.service
      return service === undefined ? [] : [[secret, service] as const]
    }),
  )
}

/** Whether a host of a use is this machine. */
function isLocal(host: string): boolean {
  const name = host.replace(/:\d+$/, "")
  return name === "localhost" || name.endsWith(".localhost") || /^127\.|^\[::1\]$/.test(name)
}
