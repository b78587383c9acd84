import type { IncomingMessage, ServerResponse } from "node:http"
import { pipeline } from "node:stream/promises"
import { VaultError } from "../../core/index.js"
import type { LiveValues } from "../live/live-values.js"
import { headerValues } from "../placing/request-head.js"
import { scrubReply } from "../reply/scrub-reply.js"
import { endToEnd, flushHead, pairsOf } from "./framing.js"
import type { Hop } from "./listener.js"
import { type OrderTerms, inOrder } from "./order.js"
import { LOOK_FIRST, answerRefusal } from "./refusal.js"
import type { Answered } from "./upstream.js"
import { WaitingProgram } from "./waiting-program.js"

/** Takes one request to its answer. Resolves when the program has it, or is gone. */
export async function exchange(
  hop: Hop,
  request: IncomingMessage,
  response: ServerResponse,
  terms: OrderTerms,
): Promise<void> {
  const program = new WaitingProgram()
  const ended = new Promise<void>((resolve) => {
    response.once("close", () => {
      program.leave()
      resolve()
    })
  })
  // What an answer came before, nobody reads any more, and the next request is behind it. As long as
  // somebody listened for more, it would not flow.
  response.once("finish", () => request.removeAllListeners("readable").resume())
  // One of an older version waits for no word, whatever it says (RFC 9110, section 10.1.1).
  let isWaiting = request.headers.expect !== undefined && request.httpVersion === "1.1"
  const goOn = (): void => {
    if (isWaiting) response.writeContinue()
    isWaiting = false
  }
  await inOrder(
    {
      hop,
      request,
      program,
      accept: () => {},
      beforeBody: goOn,
      onContinue: goOn,
      pass: (answered) => passReply(answered, response, terms.live).catch(ofBrokenReply(answered)),
      refuse: (refusal) => answerRefusal(response, refusal),
    },
    terms,
  )
  await ended
}

/** What reading a reply failed with, if the other side broke it off, is no bug of ours. */
function ofBrokenReply({ reply }: Answered): (error: unknown) => never {
  return (error) => {
    if (error instanceof VaultError || !reply.errored || reply.complete) throw error
    throw new VaultError("UPSTREAM_UNREACHABLE", "the reply broke off", {
      hint: LOOK_FIRST,
      cause: error,
    })
  }
}

/** Hands on a reply without the values of this run, as it comes. Throws `REPLY_REFUSED`. */
export async function passReply(
  { reply, upgraded, ...ofRequest }: Answered,
  response: ServerResponse,
  live: LiveValues,
): Promise<void> {
  const { statusCode: status = 502, statusMessage: statusText = "", rawHeaders } = reply
  // Node's parser takes any three digits for a status, and writes none below 100.
  if (upgraded !== undefined || status < 100) {
    upgraded?.socket.destroy()
    const why = upgraded ? "changes the protocol, which nobody asked for" : "has no valid status"
    throw new VaultError("REPLY_REFUSED", `the reply ${why}`, {
      hint: "ask whoever runs that host",
    })
  }
  const { method = "" } = response.req
  const { head, whole, stream, trailers } = await scrubReply(
    method,
    { status, statusText, rawHeaders },
    reply,
    live,
    ofRequest,
  )
  const handedOn = endToEnd(head.rawHeaders)
  response.sendDate = false
  response.writeHead(head.status, head.statusText, handedOn)
  if (whole !== undefined) {
    response.end(whole)
    return
  }
  // What has no length may be a stream, whose beginning is waited for.
  if (headerValues({ method, target: "", rawHeaders: handedOn }, "content-length").length === 0) {
    flushHead(response)
  }
  const body = stream()
  body.once("end", () => {
    if (reply.rawTrailers.length > 0) response.addTrailers(pairsOf(trailers(reply.rawTrailers)))
  })
  await pipeline(body, response)
}
