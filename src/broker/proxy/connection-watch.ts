import type { Target } from "../../core/index.js"

/** Hears how far the connections of a program come: for whoever tries a client. Nothing of a value. */
export interface ConnectionWatch {
  /** A connection was made to the broker. */
  connected(): void
  /** The way to a host is open. `client` is what the program calls itself, if it says so. */
  admitted(target: Target, client: string | undefined): void
  /** The program took our certificate for the host's. */
  trusted(target: Target): void
  /** A handshake ended before that. `alert` is the code of what the program, or its TLS, said. */
  distrusted(target: Target, alert: string | undefined): void
  /** A request has its answer. `isWhole`: the program took all of it. */
  answered(target: Target, status: number, isWhole: boolean): void
}
