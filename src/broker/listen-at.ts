import { once } from "node:events"
import { closeSync, lstatSync, mkdirSync, openSync, unlinkSync } from "node:fs"
import { Server, type Socket, connect } from "node:net"
import { basename, dirname } from "node:path"
import process from "node:process"
import { VaultError, inaccessible, isErrno } from "../core/index.js"
import type { ListeningPlace } from "../serving/blind-program.js"

/** Bytes of a socket's path that every system takes (`sun_path`: 104 on macOS, 108 on Linux). */
const LONGEST_PATH = 103
/** The same, behind the descriptor of a folder. */
const LONGEST_NAME = 80
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
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await removeDeserted(path)
  const { short, release } = shortPath(path)
  // It is removed by this path, so this holds until then.
  server.once("close", release)
  const before = process.umask(PRIVATE)
  try {
    // Node binds within this call.
    server.listen(short)
  } finally {
    process.umask(before)
  }
  await once(server, "listening").catch((error: unknown) => {
    release()
    throw error
  })
}

/** Connects to a socket. Throws `NO_ACCESS`, and what the system says. */
export async function connectTo(path: string): Promise<Socket> {
  const { short, release } = shortPath(path)
  const socket = connect(short)
  try {
    await once(socket, "connect")
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    release()
  }
}

/**
 * The path of a socket as the system takes it. Where it is too long, Linux takes its folder by a
 * descriptor, until that is released. Throws `NO_ACCESS`.
 */
function shortPath(path: string): { readonly short: string; readonly release: () => void } {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return { short: path, release: () => {} }
  const name = basename(path)
  if (process.platform !== "linux" || Buffer.byteLength(name) > LONGEST_NAME) {
    throw new VaultError("NO_ACCESS", `${path} is too long for a socket: over 103 bytes`, {
      hint: "choose a shorter path; for the state folder: XDG_STATE_HOME",
    })
  }
  const folder = openSync(dirname(path), "r")
  let isOpen = true
  const release = (): void => {
    if (isOpen) closeSync(folder)
    isOpen = false
  }
  return { short: `/proc/self/fd/${folder}/${name}`, release }
}

/** Removes the socket of a process that was killed; nothing else. */
async function removeDeserted(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket() || (await isServed(path))) throw taken(path)
  unlinkSync(path)
}

/** Whether somebody serves a socket: a process that was killed leaves its file. */
export async function isServed(path: string): Promise<boolean> {
  try {
    const socket = await connectTo(path)
    socket.destroy()
    return true
  } catch (error) {
    return !isErrno(error, "ECONNREFUSED", "ENOENT")
  }
}

function taken(shown: string, cause?: unknown): VaultError {
  return new VaultError("PORT_TAKEN", `the broker cannot listen on ${shown}`, {
    hint: "something is there already, or the system keeps it: end it, or choose another place",
    cause,
  })
}
