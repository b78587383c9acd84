import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import type { Server } from "node:net"
import { basename, join, posix } from "node:path"
import { json } from "node:stream/consumers"
import { VaultError, inaccessible, isErrno } from "../core/index.js"
import type { OfferTerms } from "../serving/blind-program.js"
import { clientEnvironment } from "./environment/client-environment.js"
import type { TrustFiles } from "./environment/trust-files.js"
import { fileBeside } from "./file-beside.js"
import { connectTo, isServed, listenAt } from "./listen-at.js"

/** What a running proxy tells its own user: how programs use it. It holds its token. */
interface ProxyOffer {
  readonly token: string
  /** `HOST:PORT`, as this machine reaches it; with a socket, as a relay offers it. */
  readonly at: string
  /** Placeholders and public names, by variable. */
  readonly variables: Readonly<Record<string, string>>
  readonly isLocalBound: boolean
  /** Whom to trust, as files of the running proxy. */
  readonly files: TrustFiles
}

/** Hands an offer to whoever may open the socket: this user. Throws as {@link listenAt} does. */
export async function offer(control: { socket: string }, made: ProxyOffer): Promise<Server> {
  const server = await unlessServed(control.socket, listenAt(control))
  server.on("connection", (socket) => {
    socket.on("error", () => socket.destroy())
    socket.end(JSON.stringify(made))
  })
  return server
}

/**
 * What listens. Where it cannot since something is there, and the control socket is served, another
 * proxy of the agent runs: to whoever starts one more, that says what to do.
 */
export async function unlessServed(control: string, listener: Promise<Server>): Promise<Server> {
  try {
    return await listener
  } catch (cause) {
    if (!VaultError.is(cause, "PORT_TAKEN") || !(await isServed(control))) throw cause
    throw new VaultError("PORT_TAKEN", "a proxy of this agent runs already", {
      hint: "use that one: agent-vault proxy env; for another in its place, end it first",
      cause,
    })
  }
}

/**
 * The variables that lead programs through a running proxy, and its files, if they are to be
 * written. Throws `PROXY_NOT_RUNNING`, `NO_ACCESS`.
 */
export async function offeredVariables(terms: OfferTerms): Promise<Record<string, string>> {
  const made = await received(terms.control)
  const { token, variables, isLocalBound } = made
  const preload = fileBeside("node-preload.cjs")
  const files = terms.folder === undefined ? { ...made.files, preload } : written(made, terms)
  const wayOut = {
    proxy: `http://x:${token}@${terms.at ?? made.at}`,
    trust: files,
    preload: files.preload,
    isLocalBound,
  }
  return { ...variables, ...clientEnvironment(wayOut, {}) }
}

async function received(control: string): Promise<ProxyOffer> {
  try {
    const socket = await connectTo(control)
    return (await json(socket)) as ProxyOffer
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    if (!isErrno(cause, "ENOENT", "ECONNREFUSED")) throw inaccessible("read", control, cause)
    throw new VaultError("PROXY_NOT_RUNNING", "no proxy runs for this vault and agent", {
      hint: "start it in another terminal: agent-vault proxy --agent AGENT -g GROUP",
      cause,
    })
  }
}

/** Certificates and a script, no key: others may read them, as a container's user has to. */
function written(made: ProxyOffer, { folder = "", mount = folder }: OfferTerms) {
  const copy = (file: string): string => {
    const name = basename(file)
    writeFileSync(join(folder, name), readFileSync(file), { mode: 0o644 })
    return posix.join(mount, name)
  }
  try {
    mkdirSync(folder, { recursive: true })
    const { authority, bundle, javaStore } = made.files
    return {
      authority: copy(authority),
      bundle: copy(bundle),
      javaStore: copy(javaStore),
      preload: copy(fileBeside("node-preload.cjs")),
    }
  } catch (error) {
    throw inaccessible("write", folder, error)
  }
}
