import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { VaultError } from "../../core/index.js"
import type { Passage } from "../gate/passage.js"
import type { LiveValues } from "../live/live-values.js"
import { type Pieces, sieveOfReply } from "../live/sieve.js"
import { type OfRequest, scrubHead } from "../reply/scrub-reply.js"
import type { Arrival } from "./arrival.js"
import { FrameRelay } from "./frames.js"
import { endToEnd, pairsOf, tokensOf } from "./framing.js"
import { type GrantTerms, grantsAt } from "./granted.js"
import { passReply } from "./http-exchange.js"
import type { Hop } from "./listener.js"
import { type OrderTerms, inOrder } from "./order.js"
import { answerRefusal } from "./refusal.js"
import type { Answered } from "./upstream.js"
import { WaitingProgram } from "./waiting-program.js"

/** A text message is held as a whole to be searched on its way out, up to so many bytes. */
const LONGEST_MESSAGE = 16 * 2 ** 20
/** What each piece of one takes of that at least: an empty one takes memory too. */
const LEAST_PIECE = 256
const NO_BYTES = new Uint8Array(0)

/** Takes a request for a WebSocket to its end: values go into its handshake only. */
export async function upgrade(
  hop: Hop,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  terms: OrderTerms,
): Promise<void> {
  // An answer before it on this connection may have set one.
  ;(socket as Socket).setTimeout(0)
  const program = new WaitingProgram()
  const ended = new Promise<void>((resolve) => socket.once("close", resolve))
  void ended.then(() => program.leave())
  // For what is answered as any request is: a refusal, or a reply without an upgrade.
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  response.once("finish", () => socket.end())
  await inOrder(
    {
      hop,
      request,
      program,
      protocol: "websocket",
      accept: requireWebSocket,
      beforeBody: () => {},
      onContinue: () => {},
      pass: async (answered, passage) => {
        if (answered.upgraded === undefined) return passReply(answered, response, terms.live)
        response.detachSocket(socket as Socket)
        await relay(socket, head, answered, passage, terms.live)
      },
      refuse: (refusal) => {
        if (response.socket) answerRefusal(response, refusal)
        else socket.destroy()
      },
    },
    terms,
  )
  await ended
}

/**
 * A host of a use has WebSockets where a rule lets a value go, at any place: what is sent through one
 * is not looked at by rules. Throws `USE_REFUSED`, `REQUEST_REFUSED`.
 */
function requireWebSocket(arrival: Arrival, terms: GrantTerms): void {
  const { head, hop, hasBody } = arrival
  const asked = tokensOf(head, "upgrade").join()
  if (asked !== "websocket" || head.method !== "GET" || hasBody) {
    throw new VaultError(
      "REQUEST_REFUSED",
      "the request asks for a protocol that is not brokered",
      {
        hint: "leave out Upgrade, or ask for a WebSocket with GET",
      },
    )
  }
  if (hop.route === "allowed") return
  const bound = [...terms.bound.values()].flatMap(({ uses }) => uses)
  for (const at of new Set(bound.flatMap((use) => use.at))) {
    if (grantsAt(arrival, at, terms, () => true).length > 0) return
  }
  throw new VaultError("USE_REFUSED", `no use lets a WebSocket be opened at ${hop.target.host}`, {
    hint: "ask an owner for a use with the method GET and this path: agent-vault use GROUP/NAME --method GET --path PATH",
  })
}

/** Connects both sides. Values are looked for both ways, and never put in. */
async function relay(
  client: Duplex,
  head: Buffer,
  { reply, upgraded, ...ofRequest }: Answered,
  passage: Passage,
  live: LiveValues,
): Promise<void> {
  if (upgraded === undefined) return
  const { socket: server } = upgraded
  const isExtended = "sec-websocket-extensions" in reply.headers
  if (reply.headers.upgrade?.toLowerCase() !== "websocket" || isExtended) {
    server.destroy()
    throw new VaultError("REPLY_REFUSED", "the reply is not the WebSocket that was asked for", {
      hint: "ask whoever runs that host",
    })
  }
  client.write(switchingHead(reply, live, ofRequest), "latin1")
  if (head.length > 0) client.unshift(head)
  if (upgraded.head.length > 0) server.unshift(upgraded.head)
  const leaving = new FrameRelay("to the server", (isText) => searchOf(passage, isText))
  const coming = new FrameRelay("to the client", () =>
    sieveOfReply(live, ofRequest.presigned).pieces(),
  )
  await new Promise<void>((resolve, reject) => {
    // What ended well is on its way still; what broke off takes the other side with it.
    server.once("close", () => server.readableEnded || client.destroy())
    client.once("close", () => {
      server.destroy()
      resolve()
    })
    const fail = (error: Error): void => {
      client.destroy()
      reject(error)
    }
    for (const frames of [leaving, coming]) frames.once("error", fail)
    // Of a program that broke off nothing was refused.
    client.once("error", () => client.destroy())
    server.once("error", (cause) => {
      // Some take nothing more once all is said, such as the word that ends it.
      if (!server.readableEnded) fail(brokeOff(cause))
    })
    client.pipe(leaving).pipe(server)
    server.pipe(coming).pipe(client)
  })
}

/** The head of the reply, scrubbed, as it is sent on a connection that is no longer HTTP's. */
function switchingHead(reply: IncomingMessage, live: LiveValues, ofRequest: OfRequest): string {
  const { statusMessage: statusText = "", rawHeaders } = reply
  const said = { status: 101, statusText, rawHeaders: endToEnd(rawHeaders) }
  const scrubbed = scrubHead(said, live, ofRequest)
  const lines = pairsOf([...scrubbed.rawHeaders, "Connection", "Upgrade", "Upgrade", "websocket"])
  const head = [`HTTP/1.1 101 ${scrubbed.statusText}`, ...lines.map((pair) => pair.join(": "))]
  return [...head, "", ""].join("\r\n")
}

/** What the gate looks at: text as a whole; bytes as they come, as in the body of a request. */
function searchOf(passage: Passage, isText: boolean): Pieces {
  if (passage.mode === "off" || !isText) return passage.bytes()
  const pieces: Uint8Array[] = []
  let length = 0
  return {
    push: (chunk) => {
      length += Math.max(chunk.length, LEAST_PIECE)
      if (length > LONGEST_MESSAGE) throw tooLong()
      pieces.push(Uint8Array.from(chunk))
      return NO_BYTES
    },
    end: () => Buffer.from(passage.text(Buffer.concat(pieces).toString())),
  }
}

function brokeOff(cause: Error): VaultError {
  const hint = "connect again; look first what of it was carried out"
  return new VaultError("UPSTREAM_UNREACHABLE", "the WebSocket broke off", { hint, cause })
}

function tooLong(): VaultError {
  return new VaultError("GATE_REFUSED", "a message is too long to be searched: over 16 MiB", {
    hint: "send it in several messages",
  })
}
