import { once } from "node:events"
import { lstatSync, mkdirSync, unlinkSync } from "node:fs"
import { Server, connect } from "node:net"
import { dirname } from "node:path"
import process from "node:process"
import { VaultError, inaccessible, isErrno } from "../core/index.js"

/** Where a listener is: a port of an address (0: any), or a socket in the file system. */
export type ListeningPlace =
  { readonly address: string; readonly port: number } | { readonly socket: string }

/** Bytes of a socket's path that every system takes (`sun_path`: 104 on macOS, 108 on Linux). */
const LONGEST_PATH = 103
/** What a new socket may not be: anybody's but this user's. */
const PRIVATE = 0o177

/** Listens. Throws `PORT_TAKEN`, `NO_ACCESS`. */
export async function listenAt(place: ListeningPlace): Promise<Server> {
  const server = new Server()
  try {
    if ("socket" in place) await onSocket(server, place.socket)
    else {
      server.listen(place.port, place.address)
      await once(server, "listening")
    }
    return server
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    const shown = "socket" in place ? place.socket : `${place.address}:${place.port}`
    if (isErrno(cause, "EADDRINUSE", "EACCES", "EADDRNOTAVAIL")) throw taken(shown, cause)
    throw inaccessible("write", shown, cause)
  }
}

/** A socket that only this user can connect to, from its first moment on. */
async function onSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new VaultError("NO_ACCESS", `${path} is too long for a socket: over 103 bytes`, {
      hint: "choose a shorter path; for the state folder: XDG_STATE_HOME",
    })
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await removeDeserted(path)
  const before = process.umask(PRIVATE)
  try {
    // Node binds within this call.
    server.listen(path)
  } finally {
    process.umask(before)
  }
  await once(server, "listening")
}

/** Removes the socket of a process that was killed; nothing else. */
async function removeDeserted(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket() || (await isServed(path))) throw taken(path)
  unlinkSync(path)
}

async function isServed(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, "connect")
    return true
  } catch (error) {
    return !isErrno(error, "ECONNREFUSED")
  } finally {
    socket.destroy()
  }
}

function taken(shown: string, cause?: unknown): VaultError {
  return new VaultError("PORT_TAKEN", `the broker cannot listen on ${shown}`, {
    hint: "something is there already, or the system keeps it: end it, or choose another place",
    cause,
  })
}
