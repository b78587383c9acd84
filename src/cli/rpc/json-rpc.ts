import type { Readable, Writable } from "node:stream"
import { LIMITS, Lines, isObject } from "../../core/index.js"

/**
 * JSON-RPC 2.0 over streams: UTF-8, one line of JSON a message, params by name, without batches.
 * It knows nothing of what it serves.
 */

/** What answers a request: gets the params, returns the result. */
export type Method = (params: Params) => Promise<object>

/** The params of a request, by name. */
export type Params = Readonly<Record<string, unknown>>

/** What a request failed with, as the other side learns it. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: object
}

/** What is served, and over which streams. */
interface RpcService {
  readonly input: Readable
  readonly output: Writable
  readonly methods: ReadonlyMap<string, Method>
  /** What a method threw, as an error of the answer. */
  readonly asError: (thrown: unknown, method: string) => RpcError
}

/** Thrown by a method for params that it does not take. `message` says which, never their value. */
export class ParamsError extends Error {
  override readonly name = "ParamsError"
}

const PARSE_ERROR = { code: -32700, message: "this line is not valid JSON" }
const INVALID_REQUEST = -32600
const METHOD_NOT_FOUND = -32601
const INVALID_PARAMS = -32602

/** Requests in work, answers that are not taken included: beyond them no line is read. */
const AT_ONCE = 64

/**
 * Serves until the input ends, and resolves when all that was asked is answered; or as soon as
 * nobody takes the answers any more. Each request is answered when it is done, so answers may
 * overtake each other. What one of them throws ends no other.
 */
export async function serve(service: RpcService): Promise<void> {
  const { input, output } = service
  let isGone = false
  const leave = (): void => {
    isGone = true
    input.destroy()
  }
  for (const event of ["error", "close"]) output.once(event, leave)
  const inWork = new Set<Promise<boolean>>()
  try {
    for await (const line of linesOf(input)) {
      const work: Promise<boolean> = answerLine(service, line).then(() => inWork.delete(work))
      inWork.add(work)
      if (inWork.size >= AT_ONCE) await Promise.race(inWork)
    }
  } catch (error) {
    if (!isGone) throw error
  }
  await Promise.all(inWork)
}

/** The lines of a stream, without their ends; undefined for one over the limit, which is skipped. */
async function* linesOf(input: Readable): AsyncGenerator<Buffer | undefined> {
  const lines = new Lines(LIMITS.bridgeRequest)
  for await (const chunk of input as AsyncIterable<Buffer>) yield* lines.push(chunk)
  yield* lines.end()
}

/** Answers one line, if it is to be answered. Never rejects. */
async function answerLine(service: RpcService, line: Buffer | undefined): Promise<void> {
  const answer = line === undefined ? TOO_LONG : await answerTo(service, line)
  if (answer === undefined) return
  const text = asLine(service, answer)
  // An answer that nobody takes must not fail the others: serve() sees that the output is gone.
  await new Promise<void>((resolve) => {
    service.output.write(text, () => resolve())
  })
}

function asLine({ asError }: RpcService, answer: RpcResponse): string {
  try {
    return `${JSON.stringify({ jsonrpc: "2.0", ...answer })}\n`
  } catch (error) {
    // What is too long for one string.
    return `${JSON.stringify({ jsonrpc: "2.0", id: answer.id, error: asError(error, "") })}\n`
  }
}

type RpcId = string | number | null
interface Failure {
  readonly id: RpcId
  readonly error: RpcError
}
type RpcResponse = { readonly id: RpcId; readonly result: object } | Failure

async function answerTo(service: RpcService, line: Buffer): Promise<RpcResponse | undefined> {
  const text = asText(line)
  if (text?.trim() === "") return undefined
  const message = text === undefined ? undefined : parse(text)
  if (message === undefined) return { id: null, error: PARSE_ERROR }
  const request = asRequest(message.value)
  if ("error" in request) return request
  // A notification: none of our methods does anything but answer.
  if (request.id === undefined) return undefined
  return callMethod(service, request.id, request.method, request.params)
}

async function callMethod(
  { methods, asError }: RpcService,
  id: RpcId,
  name: string,
  params: unknown,
): Promise<RpcResponse> {
  const method = methods.get(name)
  if (method === undefined) {
    return { id, error: { code: METHOD_NOT_FOUND, message: "there is no such method" } }
  }
  if (!isObject(params)) {
    return { id, error: { code: INVALID_PARAMS, message: "params are an object: by name" } }
  }
  try {
    return { id, result: await method(params) }
  } catch (thrown) {
    if (thrown instanceof ParamsError) {
      return { id, error: { code: INVALID_PARAMS, message: thrown.message } }
    }
    return { id, error: asError(thrown, name) }
  }
}

interface Request {
  /** Undefined for a notification. */
  readonly id: RpcId | undefined
  readonly method: string
  readonly params: unknown
}

function asRequest(message: unknown): Request | Failure {
  if (Array.isArray(message)) return invalid(null, "batches are not served: a line a request")
  if (!isObject(message)) return invalid(null, "a request is an object")
  const { jsonrpc, id, method, params = {} } = message
  const isId = id === undefined || id === null || ["string", "number"].includes(typeof id)
  if (!isId) return invalid(null, "an id is a string or a number")
  const known = (id ?? null) as RpcId
  if (jsonrpc !== "2.0") return invalid(known, 'a request says "jsonrpc": "2.0"')
  if (typeof method !== "string") return invalid(known, "a method is a string")
  return { id: id as RpcId | undefined, method, params }
}

function invalid(id: RpcId, message: string): Failure {
  return { id, error: { code: INVALID_REQUEST, message } }
}

const TOO_LONG = invalid(null, `a line has at most ${LIMITS.bridgeRequest} bytes`)

function asText(line: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line)
  } catch {
    return undefined
  }
}

/** Undefined for text that is not JSON. The parser's error quotes the line, so it stays here. */
function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
