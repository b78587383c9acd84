import {
  type Use,
  VaultError,
  isBound,
  type Target,
  hostPortOf,
  parseAuthority,
  type Resolve,
  type VettingTerms,
  ownAddresses,
  refusalAsWritten,
} from "../../core/index.js"
import type { ServedTerms } from "../../serving/blind-program.js"

/** The ports of the web: `--allow HOST` and `--unbound tunnel` mean these. */
const WEB_PORTS: readonly number[] = [443, 80]

/**
 * What happens to a connection: its host is one of a use, or was allowed, and what goes through is
 * looked into; or it is passed on untouched.
 */
export type Route = "bound" | "allowed" | "tunnel"

/** What decides where a connection goes. */
interface RouteTerms extends Pick<ServedTerms, "unbound" | "allowed"> {
  readonly vault: Pick<ServedTerms["vault"], "bound">
}

/** The hosts of one run, and what happens to connections to them and to all others. */
export class Routes {
  readonly #terms: RouteTerms
  /** The rules when the run began: for their hosts, and no more, are there certificates. */
  readonly #uses: readonly Use[]
  readonly #ports: readonly number[]
  readonly #allowed: ReadonlySet<string>

  private constructor(terms: RouteTerms, uses: readonly Use[]) {
    this.#terms = terms
    this.#uses = uses
    this.#ports = uses.flatMap(({ hosts }) => hosts).map(portOf)
    this.#allowed = new Set(terms.allowed.flatMap(allowedTargets))
  }

  /** Throws `TARGET_REFUSED` for an allowed host that is none, and what reading the vault throws. */
  static async make(terms: RouteTerms): Promise<Routes> {
    return new Routes(terms, await usesIn(terms.vault))
  }

  /**
   * What happens to a connection.
   * Throws `TARGET_REFUSED` for all else, with what would let it through.
   */
  of(target: Target, isPlain: boolean): Route {
    const { host, port } = target
    const isBoundHost = this.#ports.some((each) => isBound(this.#uses, host, each))
    if (isPlain && isBoundHost) throw plain(target)
    if (!isPlain && isBound(this.#uses, host, port)) return "bound"
    if (this.#allowed.has(hostPortOf(target))) return "allowed"
    const isForAll = this.#terms.unbound === "tunnel" && WEB_PORTS.includes(port)
    if (isForAll && !isBoundHost) return "tunnel"
    throw refusalAsWritten(target) ?? unbound(target, this.#terms.unbound)
  }

  /** What addresses are vetted by, as the vault is now. */
  async vetting(resolve: Resolve): Promise<VettingTerms> {
    const uses = await usesIn(this.#terms.vault)
    const named = new Set(
      uses
        .flatMap(({ hosts }) => hosts)
        .filter((host) => !host.startsWith("*."))
        .map((host) => hostPortOf(parseAuthority(host, 443))),
    )
    return { resolve, ownAddresses, isNamed: (target) => named.has(hostPortOf(target)) }
  }
}

async function usesIn(vault: RouteTerms["vault"]): Promise<Use[]> {
  return [...(await vault.bound()).values()].flatMap(({ uses }) => uses)
}

function portOf(host: string): number {
  return Number(/:(\d+)$/.exec(host)?.[1] ?? 443)
}

/** `HOST` alone means the ports of the web. */
function allowedTargets(text: string): string[] {
  const isWithPort = /:\d+$/.test(text) && !text.endsWith("]")
  const targets = isWithPort
    ? [parseAuthority(text)]
    : WEB_PORTS.map((port) => parseAuthority(text, port))
  return targets.map(hostPortOf)
}

function unbound(target: Target, are: RouteTerms["unbound"]): VaultError {
  const isOfWeb = WEB_PORTS.includes(target.port)
  const allow = isOfWeb ? target.host : hostPortOf(target)
  const orAll = isOfWeb && are === "deny" ? ", or let all through: --unbound tunnel" : ""
  return new VaultError("TARGET_REFUSED", `no use of this run names ${hostPortOf(target)}`, {
    hint: `if the program needs it, start it with --allow ${allow}${orAll}`,
  })
}

function plain(target: Target): VaultError {
  return new VaultError(
    "TARGET_REFUSED",
    `${target.host} is the host of a use, and the request is plain HTTP`,
    { hint: `send it as https://${target.host}: nothing is put into what others can read` },
  )
}
