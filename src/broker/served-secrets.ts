import { AWS_VARIABLES, type BoundSecret, loadServices } from "../core/index.js"
import type { ServedSecrets } from "../serving/blind-program.js"
import { signerOf } from "./sign/in-session.js"
import { type ReadyBroker, hostsOf } from "./ready-broker.js"

/** All variables that a service's secret may become besides those that were chosen. */
export async function servableVariables(): Promise<readonly string[]> {
  const { listServices } = await loadServices()
  return [AWS_VARIABLES.id, ...listServices().flatMap(({ variables }) => variables)]
}

/** What a ready broker serves. */
export function servedBy({ uses, placeholders, leftOut }: ReadyBroker): ServedSecrets {
  return {
    placeholders: new Map([...uses.keys()].map((name) => [name, placeholders.of(name) ?? ""])),
    services: servicesOf(uses),
    signers: signersOf(uses),
    leftOut,
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
