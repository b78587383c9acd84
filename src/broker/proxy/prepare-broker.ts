import type { Server } from "node:net"
import type { SecureContext } from "node:tls"
import { type Resolve, resolveAll } from "../../core/index.js"
import type { ServedTerms } from "../../serving/blind-program.js"
import { Gate } from "../gate/gate.js"
import { LiveValues } from "../live/live-values.js"
import { VaultValues } from "../live/vault-values.js"
import type { Placeholders } from "../placeholder/placeholders.js"
import { Agreements, askNobody } from "./asking.js"
import { exchange } from "./http-exchange.js"
import { Listener } from "./listener.js"
import { Notes } from "./notes.js"
import { ProxyToken } from "./proxy-token.js"
import { Routes } from "./routes.js"
import { Upstream } from "./upstream.js"
import type { ConnectionWatch } from "./connection-watch.js"
import { upgrade } from "./web-socket.js"

/** What can be left out: without `ask` nobody is there, and the answer is no. */
type Heard = "ask" | "who" | "onRefused" | "onUnsearched"

/** What a broker serves, and with what. */
export interface BrokerRequest
  extends Omit<ServedTerms, "env" | Heard>, Partial<Pick<ServedTerms, Heard>> {
  readonly placeholders: Placeholders
  /** Made for the hosts that the vault's uses name, and for `allowed`. */
  readonly authority: { readonly contextFor: (host: string) => SecureContext }
  /** The authorities that other machines are verified with, as PEM: `readRoots(environment)`. */
  readonly roots: string
  /** Tells the hosts of those who run language models: core's `modelHostTest`. */
  readonly isModel: (host: string) => boolean
  /** What a person agreed to before, where that is to count; then `ask` is not looked at. */
  readonly agreements?: Agreements | undefined
  /** What programs show to be let in, in the address of their proxy; made fresh if it is not given. */
  readonly token?: string
  /** Looks names up; the system does by default. */
  readonly resolve?: Resolve
  /** How long the head of a request, and of a reply, may take, in ms. */
  readonly headTime?: number
  /** Hears how far connections come. */
  readonly watch?: ConnectionWatch | undefined
}

/** A broker that serves once it is told where. */
export interface PreparedBroker {
  /** Learns what must not be let through. A request that comes before waits for it, and meets what this rejects with. */
  readonly learn: () => Promise<void>
  /**
   * Serves on a port of 127.0.0.1 (0: any), or on a listening server that is handed over. `isAlone`:
   * nobody else can connect, as in a network of its own, so no token is asked for. Throws
   * `PORT_TAKEN`.
   */
  readonly listen: (at: number | Server, isAlone?: boolean) => Promise<Broker>
  /** Takes in nothing more, cuts what there is, and forgets the values, also what is still learned. */
  readonly close: () => Promise<void>
}

/** Where a broker listens. */
export interface Broker {
  readonly port: number
  /** For HTTPS_PROXY and the like: `http://x:TOKEN@127.0.0.1:PORT`. */
  readonly url: string
}

/**
 * Makes a broker for one run. Throws `TARGET_REFUSED` for a host that cannot be allowed, and what
 * opening the vault may throw.
 */
export async function prepareBroker(request: BrokerRequest): Promise<PreparedBroker> {
  const { vault, placeholders, ask = askNobody, who = "a program", watch, headTime } = request
  const routes = await Routes.make(request)
  const upstream = new Upstream({
    roots: request.roots,
    vetting: () => routes.vetting(request.resolve ?? resolveAll),
    headTime,
  })
  const notes = new Notes(vault, request.onRefused)
  const live = new LiveValues()
  const values = new VaultValues(vault, live, request.onUnsearched)
  const gate = new Gate({ live, modes: request.gate, isModel: request.isModel })
  const { agreements = new Agreements(ask, who) } = request
  const terms = { vault, placeholders, gate, agreements, upstream, live, values, notes }
  const token = new ProxyToken(request.token)
  let listener: Listener | undefined
  const listen: PreparedBroker["listen"] = async (at, isAlone = false) => {
    listener = new Listener({
      token: isAlone ? undefined : token,
      route: (target, isPlain) => routes.of(target, isPlain),
      contextFor: (host) => request.authority.contextFor(host),
      open: (target) => {
        notes.tunnel(target)
        return upstream.open(target)
      },
      exchange: async (hop, incoming, response) => {
        await exchange(hop, incoming, response, terms)
        watch?.answered(hop.target, response.statusCode, response.writableFinished)
      },
      upgrade: (hop, incoming, socket, head) => upgrade(hop, incoming, socket, head, terms),
      onRefused: (error, target) => notes.refused(error, target),
      headTime,
      watch,
    })
    const port = await listener.listen(at)
    return { port, url: `http://x:${token.text}@127.0.0.1:${port}` }
  }
  const close = async (): Promise<void> => {
    listener?.close()
    upstream.close()
    await values.settled()
    live.forget()
    vault.close()
  }
  return { learn: () => values.learn(), listen, close }
}
