import type { ClientRequest } from "node:http"
import { Readable } from "node:stream"
import { type Redacted, type ServedValue, asVaultError, overwrite } from "../../core/index.js"
import type { Passage } from "../gate/passage.js"
import type { LiveValues } from "../live/live-values.js"
import { type Putting, putInBody, putInHead } from "../placing/put.js"
import { type RequestHead, headerValues, withHeader } from "../placing/request-head.js"
import {
  endToEnd,
  flushHead,
  pairsOf,
  refuseLateHeaders,
  without,
  withoutOwnHost,
} from "./framing.js"
import type { Granted } from "./granted.js"
import type { Requester } from "./order.js"
import type { Placement, Placements } from "./placements.js"
import type { BodyAsSent } from "./outgoing-body.js"
import { type PartAsked, partAsked, widened } from "../reply/part.js"
import type { OfRequest } from "../reply/scrub-reply.js"
import { type SignedLeaving, signable } from "./signatures.js"
import { type Answered, StaleConnection, type Upstream, lost, replyTo } from "./upstream.js"

/** A request as it goes out, values in their places. */
interface Departure extends OfRequest {
  readonly head: RequestHead
  readonly body: BodyAsSent
}

/** What a request is besides its placements. */
interface Leaving {
  /** As the gate let it through. */
  readonly head: RequestHead
  readonly body: BodyAsSent
  /** Whether nobody waits for the other side's word to send the body. */
  readonly isAwaited: boolean
  readonly protocol: "websocket" | undefined
}

/** The content codings whose replies can be looked into; there is no zstd in Node 20. */
const CODINGS = new Set(["gzip", "x-gzip", "deflate", "br", "identity"])
/** Methods that may be sent again when a kept connection had ended (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
const NO_BYTES = Buffer.alloc(0)
/** Of all others the length of the body is told, even if it is 0. */
const MEANT_WITHOUT_BODY = new Set(["GET", "HEAD", "OPTIONS", "DELETE"])

/**
 * Puts the values into a request; all that is not between two neighbours stays as it was sent.
 * `live` learns each text that holds a value in a form made for this request.
 */
export function departureOf(
  leaving: Leaving,
  { inHead, inBody, signed }: Placements,
  values: ReadonlyMap<Granted, ServedValue>,
  live: LiveValues,
): Departure {
  const { filled, injected } = putInHead(leaving.head, puttings(inHead, values))
  // A request without a body is signed as one with an empty body.
  const { body: sent = NO_BYTES } = leaving
  const inside = sent instanceof Uint8Array ? putInBody(sent, puttings(inBody, values)) : undefined
  for (const { secret, text } of [...injected, ...(inside?.injected ?? [])]) {
    live.learnPut(secret, Buffer.from(text, "latin1"))
  }
  let body = leaving.body && (inside?.filled ?? leaving.body)
  let head = withReadableReply({ ...filled, rawHeaders: framed(leaving, filled, body) })
  if (values.size > 0) head = { ...head, rawHeaders: withoutOwnHost(head.rawHeaders) }
  const asked = signed.length === 0 ? undefined : askedIn(head)
  // Others than signatures do not need it, and all of a reply can be searched.
  if (signed.length === 0) head = { ...head, rawHeaders: without(head.rawHeaders, "range") }
  else if (asked) head = withHeader(head, "range", widened(asked))
  const presigned: Redacted[] = []
  for (const placement of signed) {
    const read = readOf(placement, values)
    const { request, inQuery, signBody } = placement.sign(signable(head, inside?.filled), read)
    if (inQuery !== undefined) {
      presigned.push({ name: placement.name.full, value: Buffer.from(inQuery) })
    }
    if (signBody && body) body = signedOnTheWay(body, signBody)
    const target = request.query === "" ? request.path : `${request.path}?${request.query}`
    head = { method: head.method, target, rawHeaders: request.headers.flat() }
  }
  overwrite(values.values())
  return { head, body, asked, presigned }
}

function askedIn(head: RequestHead): PartAsked | undefined {
  const [range = "", ...more] = headerValues(head, "range")
  return head.method === "GET" && more.length === 0 ? partAsked(range) : undefined
}

function signedOnTheWay(
  body: Uint8Array | Readable,
  signBody: NonNullable<SignedLeaving["signBody"]>,
): Readable {
  const sent = body instanceof Readable ? body : Readable.from([body], { objectMode: false })
  return Readable.from(signBody(sent as AsyncIterable<Uint8Array>), { objectMode: false })
}

function puttings(
  placements: readonly Placement[],
  values: ReadonlyMap<Granted, ServedValue>,
): Putting[] {
  return placements.map((placement) => {
    return { occurrence: placement.occurrence, value: readOf(placement, values).value }
  })
}

function readOf(granted: Granted, values: ReadonlyMap<Granted, ServedValue>): ServedValue {
  const read = values.get(granted)
  if (read === undefined) throw new TypeError("one placement, one value")
  return read
}

/** What is between this neighbour and the next: the protocol, and how long the body is. */
function framed(
  { isAwaited, protocol }: Leaving,
  { method, rawHeaders }: RequestHead,
  body: BodyAsSent,
): string[] {
  const handedOn = endToEnd(rawHeaders)
  if (protocol === "websocket") {
    // Nobody here looks into what an extension compresses.
    const plain = without(handedOn, "sec-websocket-extensions")
    return [...plain, "Connection", "Upgrade", "Upgrade", "websocket"]
  }
  const rest = isAwaited ? without(handedOn, "expect") : handedOn
  const length = headerValues({ method, target: "", rawHeaders: rest }, "content-length")
  if (body instanceof Uint8Array) {
    return [...without(rest, "content-length"), "Content-Length", String(body.length)]
  }
  if (length.length > 0) return rest
  if (body !== undefined) return [...rest, "Transfer-Encoding", "chunked"]
  return MEANT_WITHOUT_BODY.has(method) ? rest : [...rest, "Content-Length", "0"]
}

/** The same request, which asks for no coding that nobody here can look into. */
function withReadableReply(head: RequestHead): RequestHead {
  const asked = headerValues(head, "accept-encoding")
  if (asked.length === 0) return head
  const readable = asked
    .join(",")
    .split(",")
    .filter((coding) => CODINGS.has(coding.split(";", 1).join().trim().toLowerCase()))
  return withHeader(head, "accept-encoding", readable.join(",").trim() || "identity")
}

/**
 * Sends a request, and its body as it comes. Resolves with the head of the answer. Throws
 * `UPSTREAM_UNREACHABLE`, `REPLY_REFUSED`, what refuses a new connection, and what the body fails
 * with: half a body never looks like a whole one.
 */
export async function send(
  { head, body }: Departure,
  client: Requester,
  passage: Passage,
  upstream: Upstream,
): Promise<Answered> {
  const { target, isPlain } = client.hop
  for (;;) {
    const outgoing = upstream.begin(target, isPlain, head)
    outgoing.on("continue", client.onContinue)
    client.program.whenGone(() => outgoing.destroy())
    try {
      if (!(body instanceof Readable)) {
        outgoing.end(body)
        return await replyTo(outgoing, target)
      }
      const trailers = (): readonly string[] => passage.trailers(client.request.rawTrailers)
      const failed = passBody(body, trailers, outgoing)
      return await Promise.race([replyTo(outgoing, target), failed])
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error
      // We broke it off, or it cannot be sent again.
      const isLast = client.program.isGone || body instanceof Readable
      if (isLast || !IDEMPOTENT.has(head.method)) throw lost(target, error)
    }
  }
}

/** The body no faster than it is taken, and its trailers. Settles only if the body fails. */
function passBody(
  body: Readable,
  trailers: () => readonly string[],
  outgoing: ClientRequest,
): Promise<never> {
  flushHead(outgoing)
  body.pipe(outgoing, { end: false })
  return new Promise((_, reject) => {
    body.once("error", (error) => {
      outgoing.destroy()
      reject(error)
    })
    body.once("end", () => {
      try {
        const handedOn = endToEnd(trailers())
        refuseLateHeaders(handedOn)
        if (handedOn.length > 0) outgoing.addTrailers(pairsOf(handedOn))
        outgoing.end()
      } catch (error) {
        outgoing.destroy()
        reject(asVaultError(error))
      }
    })
  })
}
