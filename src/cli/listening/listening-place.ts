import { isIP } from "node:net"
import { VaultError } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { option } from "../door/who.js"

const HIGHEST_PORT = 65_535
const FORM = /^(?:(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<four>[\d.]+)):)?(?<port>\d{1,5})$/

/** An address of this machine and a port: `PORT`, `ADDRESS:PORT`, `[ADDRESS]:PORT`. Throws `USAGE`. */
export function parseListening(text: string): { readonly address: string; readonly port: number } {
  const { six, four, port } = FORM.exec(text)?.groups ?? {}
  const address = six ?? four ?? "127.0.0.1"
  if (port !== undefined && Number(port) <= HIGHEST_PORT && isIP(address) !== 0) {
    return { address, port: Number(port) }
  }
  throw new VaultError("USAGE", "--listen takes a port, or an IP address of this machine and one", {
    hint: "for this machine alone: --listen 8765, or --listen 0 for any port that is free",
  })
}

/** Whether nobody else than this machine reaches an address. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1"
}

const ADDRESS = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/

/** Where something that listens is reached from elsewhere, if it was said. Throws `USAGE`. */
export function addressElsewhere(door: Door): string | undefined {
  const at = option(door, "address")
  if (at === undefined || ADDRESS.test(at)) return at
  throw new VaultError("USAGE", "--address takes HOST:PORT", {
    hint: "for example: --address host.docker.internal:8118",
  })
}
