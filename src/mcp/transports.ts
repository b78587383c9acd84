import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CallToolRequestSchema,
  ErrorCode,
  InitializeRequestSchema,
  JSONRPCMessageSchema,
  type JSONRPCMessage,
  ListToolsRequestSchema,
  type McpError,
} from "@modelcontextprotocol/sdk/types.js"
import type { Message, Problem, Receiver, Wire } from "./wire.js"

/** The code that the SDK gives to an unexpected error. */
const THROWN: number = ErrorCode.InternalError

/** The requests whose params are checked before the SDK sees them: its errors quote them. */
const REQUESTS = new Map<unknown, { safeParse(value: unknown): { success: boolean } }>([
  ["initialize", InitializeRequestSchema],
  ["tools/list", ListToolsRequestSchema],
  ["tools/call", CallToolRequestSchema],
])

/** The SDK's own transport answers malformed JSON with nothing, and ends at a long line. */
export function transportOver(wire: Wire): Transport {
  const transport: Transport = {
    start: () => {
      wire.start(receiver)
      return Promise.resolve()
    },
    send: (message) => wire.send(withSafeError(message) as Message),
    close: () => {
      wire.close()
      return Promise.resolve()
    },
  }
  const receiver: Receiver = {
    problemOf,
    receive: (message) => transport.onmessage?.(message as JSONRPCMessage),
    closed: () => transport.onclose?.(),
  }
  return transport
}

/** What is wrong with a message, if anything. */
export function problemOf(message: object): Problem | undefined {
  if (!JSONRPCMessageSchema.safeParse(message).success) {
    return { code: ErrorCode.InvalidRequest, message: "this is not a message of JSON-RPC 2.0" }
  }
  const request = "method" in message ? REQUESTS.get(message.method) : undefined
  if (request === undefined || request.safeParse(message).success) return undefined
  return { code: ErrorCode.InvalidParams, message: "the params do not fit the method" }
}

/** The SDK sends the text of whatever was thrown. Only what is meant for the client goes out. */
export function withSafeError(message: JSONRPCMessage): JSONRPCMessage {
  if (!("error" in message)) return message
  if (message.error.code !== THROWN) {
    // The client's side of the SDK puts it there again.
    return { ...message, error: { ...message.error, message: inItsWords(message.error) } }
  }
  const error = { code: THROWN, message: "something went wrong that should not" }
  return { ...message, error }
}

/** What the client said, without what the SDK puts before it. */
export function inItsWords({ message }: Pick<McpError, "message">): string {
  return message.replace(/^(?:MCP error -?\d+: )+/, "")
}
