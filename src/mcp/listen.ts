import { once } from "node:events"
import { type IncomingMessage, Server, type ServerResponse } from "node:http"
import { type AddressInfo, isIPv6 } from "node:net"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { VaultError, inaccessible, isErrno } from "../core/index.js"
import { newRandom } from "../page/loopback-server.js"
import { Admission, PATH, type NotAdmitted } from "./admission.js"
import { answeringFor } from "./answering.js"
import type { ListeningServer, ListeningTerms } from "../serving/serving.js"
import { HttpSession } from "./http-session.js"
import { type Posted, postedMessage } from "./posted-message.js"
import { startServer } from "./server.js"
import { type SessionLimits, Sessions } from "./sessions.js"
import { problemOf } from "./transports.js"
import { type Message, type Problem, idOf } from "./wire.js"

const LIMITS: SessionLimits = { sessions: 64, atOnce: 64, idle: 30 * 60_000 }
const CONNECTIONS = 512
const KEPT_ALIVE_MS = 60_000

const NO_SESSION = { code: -32001, message: "there is no such session: initialize again" }
const NO_ID = { code: -32600, message: "the request names no session (Mcp-Session-Id)" }
const FULL = { code: -32000, message: "too much at the same time: wait for answers" }

/**
 * Serves the Model Context Protocol over HTTP (Streamable HTTP), each session as one client. Throws
 * `PORT_TAKEN`, `NO_ACCESS`.
 */
export async function listen(
  terms: ListeningTerms,
  limits: Partial<SessionLimits> = {},
): Promise<ListeningServer> {
  const sessions = new Sessions<HttpSession>({ ...LIMITS, ...limits })
  const admission = new Admission(terms.token)
  const server = new Server((request, response) => {
    // Nobody is told what a client that went did not take.
    response.on("error", () => {})
    const refusal = admission.refusalOf(request)
    if (refusal === undefined) {
      answer(terms, sessions, request, response).catch(() => response.destroy())
    } else refuse(response, refusal, { code: -32000, message: refusal.message })
  })
  server.maxConnections = CONNECTIONS
  // A client that is slow would send on a connection that we are just closing.
  server.keepAliveTimeout = KEPT_ALIVE_MS
  const { port } = await listening(server, terms)
  const { address } = terms
  const close = async (): Promise<void> => {
    server.close()
    await sessions.closeAll()
    server.closeAllConnections()
  }
  return { url: `http://${isIPv6(address) ? `[${address}]` : address}:${port}${PATH}`, close }
}

async function listening(server: Server, { address, port }: ListeningTerms): Promise<AddressInfo> {
  const shown = `${address}:${port}`
  try {
    server.listen(port, address)
    await once(server, "listening")
    return server.address() as AddressInfo
  } catch (cause) {
    if (!isErrno(cause, "EADDRINUSE", "EACCES", "EADDRNOTAVAIL")) {
      throw inaccessible("write", shown, cause)
    }
    throw new VaultError("PORT_TAKEN", `the MCP server cannot listen on ${shown}`, {
      hint: "something is there already, or the system keeps it: end it, or choose another place",
      cause,
    })
  }
}

async function answer(
  terms: ListeningTerms,
  sessions: Sessions<HttpSession>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = request.headers["mcp-session-id"]
  if (typeof id !== "string") return begin(terms, sessions, request, response)
  const session = sessions.find(id)
  if (session === undefined) return refuse(response, { status: 404 }, NO_SESSION)
  const isDone = await sessions.answering(id, async () => {
    const posted = await postedIn(request)
    await exchange(session, request, posted, response)
    return true
  })
  if (isDone === undefined) refuse(response, { status: 429 }, FULL)
}

/** A client that has no session says hello. */
async function begin(
  terms: ListeningTerms,
  sessions: Sessions<HttpSession>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const posted = await postedIn(request)
  const message = "message" in posted ? (posted.message as Partial<Message>) : {}
  if ("message" in posted && message.method !== "initialize") {
    return refuse(response, { status: 400 }, NO_ID)
  }
  if (!sessions.hasPlace()) return refuse(response, { status: 503 }, FULL)
  const { session, isBegun } = await opened(terms, sessions)
  await exchange(session, request, posted, response)
  if (!isBegun()) await session.close()
}

/** A session that nobody knows before its client said hello. */
async function opened(
  { session: make }: ListeningTerms,
  sessions: Sessions<HttpSession>,
): Promise<{ session: HttpSession; isBegun: () => boolean }> {
  const serving = make()
  let known: string | undefined
  const begun = (id: string): void => {
    known = id
    sessions.add(id, session)
  }
  const ended = (): void => {
    if (known !== undefined) sessions.forget(known)
    void serving.close()
  }
  const session = new HttpSession({ newId: newRandom, begun, ended })
  await startServer(session.transport, answeringFor(serving))
  return { session, isBegun: () => known !== undefined }
}

/** What a request brings: only one that posts has a message. */
function postedIn(request: IncomingMessage): Promise<Posted> {
  return request.method === "POST" ? postedMessage(request) : Promise.resolve({ message: {} })
}

async function exchange(
  session: HttpSession,
  { method = "", headers }: IncomingMessage,
  posted: Posted,
  response: ServerResponse,
): Promise<void> {
  if ("problem" in posted) return refuse(response, posted, posted.problem)
  const { message } = posted
  const problem = method === "POST" ? problemOf(message) : undefined
  if (problem !== undefined) {
    const id = idOf(message)
    return refuse(response, { status: id === null ? 400 : 200 }, problem, id)
  }
  response.once("close", () => {
    if (!response.writableFinished) session.takeBack(message as Message)
  })
  await send(response, await session.answer({ method, headers }, message))
}

/** Sends an answer until it ends, or the client goes: then nobody waits for the rest. */
async function send(response: ServerResponse, answered: Response): Promise<void> {
  response.writeHead(answered.status, { ...HEADERS, ...Object.fromEntries(answered.headers) })
  response.flushHeaders()
  if (answered.body === null) {
    response.end()
    return
  }
  await pipeline(Readable.fromWeb(answered.body), response).catch(() => response.destroy())
}

/** Sends an error of the protocol. What is left of the request is not read. */
function refuse(
  response: ServerResponse,
  { status, headers = {} }: Pick<NotAdmitted, "status" | "headers">,
  error: Problem,
  id: ReturnType<typeof idOf> = null,
): void {
  const body = JSON.stringify({ jsonrpc: "2.0", id, error })
  response.writeHead(status, {
    ...HEADERS,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    Connection: "close",
    ...headers,
  })
  response.end(body)
}

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" }
