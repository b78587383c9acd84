import { Readable } from "node:stream"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import { LiveValues } from "../../src/broker/live/live-values.js"
import { type ScrubbedReply, scrubReply } from "../../src/broker/reply/scrub-reply.js"

/** A secret of the run, and its value. */
export const NAME = "stripe/api-key"
export const VALUE = "fake_live_9aB3xK7mQ2wE5rT8"
export const MARKER = `[REDACTED ${NAME}]`

/** What encodes a body, by the Content-Encoding that says so. */
export const ENCODE: Readonly<Record<string, (body: Uint8Array) => Buffer>> = {
  gzip: gzipSync,
  br: brotliCompressSync,
  deflate: deflateSync,
  "deflate without zlib's head": deflateRawSync,
}

export function liveValues(
  values: Readonly<Record<string, string | Uint8Array>> = { [NAME]: VALUE },
) {
  const live = new LiveValues()
  for (const [name, value] of Object.entries(values)) live.learn(name, Buffer.from(value))
  return live
}

/** A body in pieces, each handed on by itself. */
export async function* pieces(...parts: readonly (string | Uint8Array)[]) {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part))
}

/** A body, cut in two. */
export function cutAt(body: Uint8Array, at: number) {
  return pieces(body.subarray(0, at), body.subarray(at))
}

export async function all(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

interface Sent {
  readonly method?: string
  readonly status?: number
  readonly statusText?: string
  readonly headers?: readonly string[]
  readonly live?: LiveValues
}

/** What comes of a reply. */
export async function scrubbed(
  body: AsyncIterable<Uint8Array> | string | Uint8Array,
  { method = "GET", status = 200, statusText = "OK", headers = [], live = liveValues() }: Sent = {},
): Promise<ScrubbedReply & { readonly body: Readable }> {
  const source = typeof body === "string" || body instanceof Uint8Array ? pieces(body) : body
  const reply = await scrubReply(method, { status, statusText, rawHeaders: headers }, source, live)
  const { whole, stream } = reply
  return { ...reply, body: whole === undefined ? stream() : Readable.from([whole]) }
}

/** The text that comes of a reply's body. */
export async function textOf(...reply: Parameters<typeof scrubbed>): Promise<string> {
  const { body } = await scrubbed(...reply)
  return (await all(body)).toString()
}
