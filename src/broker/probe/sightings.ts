import { type Target, hostPortOf } from "../../core/index.js"
import type { ConnectionWatch } from "../proxy/connection-watch.js"

/** Where a rule of the probe took its placeholder. */
interface PlaceholderSeen {
  /** A place as a use has it: `header:authorization`. */
  readonly at: string
  readonly scheme: string
}

/** What the broker refused. */
interface RefusalSeen {
  readonly code: string
  /** `host:port` */
  readonly to: string | undefined
}

/** What the service of the probe got. */
export interface RequestSeen {
  /** `value`: the broker put it in; `placeholder`: it was left as it was, or nobody looked. */
  readonly holds: "value" | "placeholder" | "neither"
}

/** What the client got. */
interface ReplySeen {
  readonly status: number
  /** It took all of it. */
  readonly isWhole: boolean
}

/**
 * All that was seen of a client: at the broker, in its vault, and at the service that it was to
 * reach. It holds names, codes and counts; no value, and nothing of a body.
 */
export class Sightings implements ConnectionWatch {
  /** Connections to the broker. */
  connections = 0
  /** What the client calls itself. */
  readonly clients = new Set<string>()
  /** Where it asked for a way to, `host:port`, and was let through. */
  readonly admittedTo = new Set<string>()
  /** What the broker refused: the code, and where it was to go, if that could be told. */
  readonly refusals: RefusalSeen[] = []
  trusts = 0
  /** Handshakes that the client ended: the code of what it said, if it said something. */
  readonly distrusts: (string | undefined)[] = []
  readonly placed: PlaceholderSeen[] = []
  readonly arrived: RequestSeen[] = []
  readonly answers: ReplySeen[] = []
  /** Connections to the service itself, past the broker. */
  pastBroker = 0

  /** A request came to the service. */
  arrive(arrived: RequestSeen): void {
    this.arrived.push(arrived)
    // The broker comes for a client that trusts it, and for nobody else.
    if (arrived.holds !== "value" && this.trusts === 0) this.wentRound()
  }

  /** Somebody connected to the service who is not the broker, which trusts it. */
  wentRound(): void {
    this.pastBroker += 1
  }

  connected(): void {
    this.connections += 1
  }

  admitted(target: Target, client: string | undefined): void {
    this.admittedTo.add(hostPortOf(target))
    if (client !== undefined) this.clients.add(client)
  }

  trusted(): void {
    this.trusts += 1
  }

  distrusted(_target: Target, alert: string | undefined): void {
    this.distrusts.push(alert)
  }

  answered(_target: Target, status: number, isWhole: boolean): void {
    this.answers.push({ status, isWhole })
  }
}
