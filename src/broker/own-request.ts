import { type IncomingMessage, request as httpRequest } from "node:http"
import { Server, isIP } from "node:net"
import { type Duplex, duplexPair } from "node:stream"
import { type TLSSocket, connect as connectTls } from "node:tls"
import { VaultError, asVaultError, hostPortOf, parseAuthority } from "../core/index.js"
import type { OwnSending, RequestSignature, WireReply, WireRequest } from "../serving/serving.js"
import { Undecodable, decoded } from "./coding/decode.js"
import { codingNames, codingsOf } from "./coding/coding.js"
import { Agreements, type Ask } from "./proxy/asking.js"
import { type ReadyBroker, readyBroker } from "./ready-broker.js"
import { signedOwn } from "./own-signature.js"

/** Sends a request. Throws what the broker refuses it with, or why it did not get there. */
type SendOwn = (sending: OwnSending) => Promise<WireReply>

/**
 * Sends requests of this process: each as the client of a broker of its own, over a connection in
 * memory, so that there is no other way to a value than that of every program. What a person agrees
 * to for the session counts for all of them. `who` is whose requests these are.
 */
export function ownRequests(ask: Ask, who: string): SendOwn {
  const agreements = new Agreements(ask, who)
  return async (sending) => {
    const { vault, env, onUnsearched } = sending
    const strictness = { unbound: "deny", allowed: [], gate: STRICT } as const
    let refusal: VaultError | undefined
    const onRefused = (error: VaultError): void => {
      refusal ??= error
    }
    const terms = { vault, env, onUnsearched, agreements, onRefused, ...strictness }
    const ready = await readyBroker(terms)
    try {
      const reply = await exchanged(ready, sending)
      // A refusal is a reply too, to whoever does not hear of it here.
      if (refusal !== undefined) throw refusal
      return reply
    } catch (error) {
      throw refusal ?? notSent(error, sending.signal)
    } finally {
      await ready.close()
    }
  }
}

const STRICT = { models: "redact", others: "refuse" } as const

async function exchanged(ready: ReadyBroker, sending: OwnSending): Promise<WireReply> {
  const written = sending.write((secret) => placeholderIn(ready, secret))
  const request = signedIfAsked(written, sending.signs, ready)
  // Nobody but us can connect to it: it listens nowhere.
  const listener = new Server()
  await ready.start(listener, true)
  ready.learn()
  const [near, far] = duplexPair()
  listener.emit("connection", far)
  const end = (): void => void near.destroy()
  sending.signal.addEventListener("abort", end, { once: true })
  try {
    sending.signal.throwIfAborted()
    const tunnel = await tunnelTo(near, request.authority)
    const secured = await securedBy(ready.authority, tunnel, request.authority)
    return await replyOf(await sent(secured, request), sending.most)
  } finally {
    sending.signal.removeEventListener("abort", end)
    near.destroy()
  }
}

function signedIfAsked(
  request: WireRequest,
  signs: RequestSignature | undefined,
  ready: ReadyBroker,
): WireRequest {
  if (signs === undefined) return request
  return signedOwn(request, hostIn(request), signs, placeholderIn(ready, signs.secret))
}

/** The header `Host`. */
function hostIn({ authority }: WireRequest): string {
  const { host, port } = parseAuthority(authority)
  return port === 443 ? host : hostPortOf({ host, port })
}

function placeholderIn({ placeholders, leftOut }: ReadyBroker, secret: string): string {
  const placeholder = placeholders.of(secret)
  if (placeholder !== undefined) return placeholder
  const why = leftOut.get(secret) ?? "it is not of this request"
  throw new VaultError("USE_REFUSED", `${secret} cannot be sent: ${why}`, {
    hint: "see what may go where: agent-vault use --list",
  })
}

/** CONNECT, as every client of a proxy sends it. */
function tunnelTo(near: Duplex, authority: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({
      method: "CONNECT",
      path: authority,
      headers: { host: authority },
      createConnection: () => near,
    })
    asked.once("error", reject)
    asked.once("connect", ({ statusCode }: IncomingMessage, socket: Duplex) => {
      if (statusCode === 200) resolve(socket)
      else reject(new Error("the broker refused the connection"))
    })
    asked.end()
  })
}

/** TLS that ends in the broker: trusted is its authority, and no other. */
function securedBy(ca: string, socket: Duplex, authority: string): Promise<TLSSocket> {
  const { host } = parseAuthority(authority)
  const bare = host.replace(/^\[|\]$/g, "")
  return new Promise((resolve, reject) => {
    const named = isIP(bare) === 0 ? { servername: host } : {}
    const secured = connectTls({ socket, ca, host: bare, ...named, ALPNProtocols: ["http/1.1"] })
    secured.once("error", reject)
    secured.once("secureConnect", () => resolve(secured))
  })
}

function sent(secured: TLSSocket, request: WireRequest): Promise<IncomingMessage> {
  const { method, target, headers, body } = request
  return new Promise((resolve, reject) => {
    const hasBody = body.length > 0 || ["POST", "PUT", "PATCH"].includes(method)
    const all = [
      ["Host", hostIn(request)],
      ...headers,
      // What is encoded can be decoded here, and costs two decodings.
      ["Accept-Encoding", "identity"],
      ...(hasBody ? [["Content-Length", String(body.length)]] : []),
      ["Connection", "close"],
    ]
    const asked = httpRequest({
      method,
      path: target,
      headers: all.flat(),
      setHost: false,
      createConnection: () => secured,
    })
    asked.once("error", reject)
    asked.once("response", resolve)
    asked.end(body)
  })
}

/** Reads what is wanted of it, and no more. Throws `REPLY_REFUSED` where it cannot be decoded. */
async function replyOf(reply: IncomingMessage, most: number): Promise<WireReply> {
  const codings = codingsOf(codingNames(reply.rawHeaders))
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    const body = reply as AsyncIterable<Uint8Array>
    for await (const piece of decoded(body, "why" in codings ? [] : codings)) {
      pieces.push(piece)
      length += piece.length
      if (length > most) break
    }
  } catch (cause) {
    if (!(cause instanceof Undecodable)) throw cause
    throw new VaultError("REPLY_REFUSED", `the reply cannot be read: ${cause.message}`, { cause })
  }
  const body = Buffer.concat(pieces)
  const isCut = body.length > most
  const { rawHeaders, statusCode: status = 502 } = reply
  return { status, headers: pairs(rawHeaders), body: isCut ? body.subarray(0, most) : body, isCut }
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ""] as [string, string]] : [],
  )
}

/** What is no refusal of the broker's: we ended it, or the connection to the other side broke. */
function notSent(error: unknown, signal: AbortSignal): VaultError {
  if (error instanceof VaultError) return error
  if (signal.aborted) {
    return new VaultError("UPSTREAM_UNREACHABLE", "the reply took too long, or was not wanted", {
      hint: "whether the request was carried out is not known: look before you send it again",
    })
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  // What Node says of a broken connection is no bug of ours, and holds nothing of the request.
  if (!/^(?:ECONN|EPIPE|HPE_|ERR_STREAM)/.test(code)) return asVaultError(error)
  return new VaultError("UPSTREAM_UNREACHABLE", `the reply broke off (${code})`, {
    hint: "whether the request was carried out is not known: look before you send it again",
    cause: error,
  })
}
