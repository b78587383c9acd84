import more from "./model-hosts.json" with { type: "json" }
import { listServices } from "./services.js"

/**
 * The hosts of those who run language models, in lower case: what they are sent ends in a model's
 * context. Of the catalogue's services that are marked so, and of `model-hosts.json`; `*` stands
 * for anything within one label.
 */
export function modelHosts(): readonly string[] {
  const ofServices = listServices()
    .filter(({ models }) => models === true)
    .flatMap(({ use }) => use.hosts)
  return [...new Set([...ofServices, ...more.hosts])].toSorted()
}

/** Tells whether a canonical host, without a port, is one of {@link modelHosts}. */
export function modelHostTest(): (host: string) => boolean {
  const patterns = modelHosts().map((host) =>
    host
      .split("*")
      .map((text) => text.replaceAll(".", "\\."))
      .join("[^.]+"),
  )
  const known = new RegExp(`^(?:${patterns.join("|")})$`)
  return (host) => known.test(host)
}
