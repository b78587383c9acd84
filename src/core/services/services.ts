import type { WrittenUse } from "../records/use.js"
import { VaultError } from "../words/errors.js"
import { nearest } from "../words/names.js"
import catalogue from "./catalogue.json" with { type: "json" }

/** The rule of a service, as it is written, but for blanks like `{shop}` in its hosts and user. */
export type ServiceUse = Omit<WrittenUse, "ask" | "service">

/** A service of the catalogue: where its keys go, and what they look like. */
export interface Service {
  /** How it is named on the command line: `github`. */
  readonly name: string
  /** How people call it: `GitHub's API`. */
  readonly title: string
  /** The provider's page about authentication. */
  readonly docs: string
  /** The variables that its clients read the key from, the usual one first. */
  readonly variables: readonly string[]
  /** What a key looks like, as {@link import("./shape.js").parseShape} reads it. */
  readonly placeholder: string
  readonly use: ServiceUse
  /** What an owner has to say for each blank in `use`, by the blank's name. */
  readonly needs?: Readonly<Record<string, string>>
  /** Whether it runs language models, so that what it is sent ends in a model's context. */
  readonly models?: true
  /** A request that the rule allows: a request line, headers, and a body behind an empty line. */
  readonly example: readonly string[]
}

/** What an owner says beside the name of a service. */
export interface SaidOfService {
  readonly hosts?: readonly string[]
  readonly user?: string
}

const SERVICES = catalogue.services as readonly Service[]

/** All services, sorted by name. */
export function listServices(): readonly Service[] {
  return SERVICES.toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

/** The service of this name; undefined for one that this version does not know. */
export function findService(name: string): Service | undefined {
  return SERVICES.find((service) => service.name === name)
}

/** The same, where somebody asked for it: throws SERVICE_NOT_FOUND, with a name that is near. */
export function serviceNamed(name: string): Service {
  const service = findService(name)
  if (service !== undefined) return service
  const near = nearest(
    name,
    SERVICES.map((known) => known.name),
  )
  throw new VaultError("SERVICE_NOT_FOUND", `the catalogue has no service ${name}`, {
    hint:
      near === undefined ? "agent-vault services" : `did you mean ${near}? agent-vault services`,
  })
}

/**
 * The rule of a service without blanks: hosts and user as the owner says them, where they do.
 * Throws USAGE where a blank is left, which says what belongs there.
 */
export function fillIn(service: Service, said: SaidOfService): ServiceUse {
  const hosts = said.hosts ?? service.use.hosts
  const user = said.user ?? service.use.user
  refuseBlank(service, "--host", hosts.join(" "))
  refuseBlank(service, "--user", user ?? "")
  return { ...service.use, hosts, ...(user === undefined ? {} : { user }) }
}

function refuseBlank({ name, needs }: Service, option: string, text: string): void {
  const [, blank] = /\{([\w-]+)\}/.exec(text) ?? []
  if (blank === undefined) return
  const what = needs?.[blank] ?? blank
  throw new VaultError("USAGE", `${name} needs ${option}: ${what}`, {
    hint: `agent-vault services ${name}`,
  })
}
