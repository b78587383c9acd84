import type { IncomingMessage } from "node:http"
import { LIMITS, isObject } from "../core/index.js"
import { PARSE_ERROR, type Problem, invalid } from "./wire.js"

/** What was posted: a message, or why it is none. */
export type Posted =
  { readonly message: object } | { readonly status: number; readonly problem: Problem }

/** Reads the one message of a request, which is no larger than a line of the other transport. */
export async function postedMessage(request: IncomingMessage): Promise<Posted> {
  const most = LIMITS.mcpMessage
  const tooLarge = { status: 413, problem: invalid(`a message has at most ${most} bytes`) }
  if (Number(request.headers["content-length"] ?? 0) > most) return tooLarge
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > most) return tooLarge
    pieces.push(piece)
  }
  return parsed(Buffer.concat(pieces))
}

/** The parser's error quotes the text, so it stays here. */
function parsed(body: Buffer): Posted {
  try {
    const message: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body))
    if (isObject(message)) return { message }
    return { status: 400, problem: invalid("a message is an object, and a request holds one") }
  } catch {
    return { status: 400, problem: { ...PARSE_ERROR, message: "the body is not valid JSON" } }
  }
}
