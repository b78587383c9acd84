import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import process from "node:process"

/** The system's connections, by IPv4 and by IPv6 (Linux, proc(5)), and loopback as each writes it. */
const TABLES = [
  ["/proc/net/tcp", "0100007F"],
  ["/proc/net/tcp6", "0000000000000000FFFF00000100007F"],
] as const
const HEX = 16
const PORT_DIGITS = 4
/** The fields with the user who opened a connection, and with the inode of what holds it open. */
const USER_FIELD = 7
const INODE_FIELD = 9

/**
 * Whether the other end of a loopback connection belongs to the user of this process. Other users
 * see command lines, and with them an address that a browser was started with. Linux tells; where
 * no system does, everybody passes. A connection that Linux does not list is nobody's, and so is one
 * whose other end is closed: such a line has no inode any more, and the user 0 whoever it was.
 */
export function isFromThisUser({ remotePort = 0, localPort = 0 }: Socket): boolean {
  if (process.platform !== "linux") return true
  const own = String(process.getuid?.())
  return TABLES.some(([file, loopback]) =>
    linesOf(file).some((line) => {
      const fields = line.trim().split(/\s+/)
      return (
        fields[1] === `${loopback}:${hex(remotePort)}` &&
        fields[2] === `${loopback}:${hex(localPort)}` &&
        fields[USER_FIELD] === own &&
        fields[INODE_FIELD] !== "0"
      )
    }),
  )
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n")
  } catch {
    return []
  }
}

function hex(port: number): string {
  return port.toString(HEX).toUpperCase().padStart(PORT_DIGITS, "0")
}
