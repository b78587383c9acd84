import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ErrorCode,
  InitializeRequestSchema,
  JSONRPCMessageSchema,
  type JSONRPCMessage,
  ListToolsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js"
import type { Choice } from "../questions/question.js"
import type { ToolResult } from "./calls/answer.js"
import type { CallMade, Client, Reply } from "./calls/serving.js"
import type { Arguments, Tool } from "./calls/tool.js"
import { type ChoiceForm, askThrough } from "./elicitation.js"
import type { Message, Problem, Receiver, Wire } from "./wire.js"

/** What the server says of itself, and what it does. */
export interface Answering {
  readonly version: string
  readonly instructions: string
  readonly tools: readonly Tool[]
  /** Answers a call. Never rejects: the SDK would send the text of what is thrown. */
  readonly call: (tool: Tool, args: Arguments, made: Calling) => Promise<ToolResult>
  readonly patience: number
}

/** Who calls a tool, and which call it is. */
export interface Calling {
  readonly client: Client
  /** Aborted when the client cancels the call, or goes. */
  readonly signal: AbortSignal
  readonly attribution: Omit<CallMade, "program">
}

/** The codes that the SDK gives to an unanswered question, and to an unexpected error. */
const LATE: number = ErrorCode.RequestTimeout
const THROWN: number = ErrorCode.InternalError

/** The requests whose params are checked before the SDK sees them: its errors quote them. */
const REQUESTS = new Map<unknown, { safeParse(value: unknown): { success: boolean } }>([
  ["initialize", InitializeRequestSchema],
  ["tools/list", ListToolsRequestSchema],
  ["tools/call", CallToolRequestSchema],
])

/** Whether a value may be shown. */
const SHOW = {
  field: ["show", "Show it?"],
  choices: { once: "Yes, once", session: "Yes, as long as this server runs", no: "No" },
} as const

/** Speaks the Model Context Protocol over a wire; the one importer of its SDK. */
export async function startServer(wire: Wire, service: Answering): Promise<void> {
  const { version, instructions, tools } = service
  const server = new Server(
    { name: "agent-vault", title: "agent-vault", version },
    { capabilities: { tools: {} }, instructions, jsonSchemaValidator: noValidator },
  )
  const client: Client = {
    get name() {
      return server.getClientVersion()?.name
    },
    ask: (message) => fill(server, { message, ...SHOW }, { timeout: service.patience }),
    askBy: askThrough((form, signal) => fill(server, form, { timeout: service.patience, signal })),
  }
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools.map(asListed) }))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { requestId, _meta, signal }) => {
    const tool = tools.find(({ name }) => name === params.name)
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, "there is no such tool")
    const attribution = { ...namedIn(_meta), call: String(requestId) }
    return service.call(tool, params.arguments ?? {}, { client, signal, attribution })
  })
  await server.connect(transportOver(wire))
}

/** What a client says of the conversation that a call belongs to. */
function namedIn(meta: Readonly<Record<string, unknown>> = {}) {
  const [session, turn] = ["agent-vault/session", "agent-vault/turn"].map((name) => meta[name])
  return {
    ...(typeof session === "string" ? { session } : {}),
    ...(typeof turn === "string" ? { turn } : {}),
  }
}

function asListed(tool: Tool) {
  const { name, title, description, inputSchema, outputSchema, changesThings = false } = tool
  const annotations = {
    title,
    readOnlyHint: !changesThings,
    destructiveHint: changesThings,
    idempotentHint: !changesThings,
    openWorldHint: changesThings,
  }
  return { name, title, description, inputSchema, outputSchema, annotations }
}

/** Has the person at the client choose. Never rejects. */
async function fill(
  server: Server,
  { message, field: [name, title], choices }: ChoiceForm,
  options: { timeout: number; signal?: AbortSignal },
): Promise<Reply> {
  if (server.getClientCapabilities()?.elicitation?.form === undefined) {
    return { without: "unsupported" }
  }
  const [values, names] = [Object.keys(choices), Object.values(choices)]
  const field = { type: "string" as const, title, enum: values, enumNames: names }
  const requestedSchema = {
    type: "object" as const,
    properties: { [name]: field },
    required: [name],
  }
  try {
    const request = { method: "elicitation/create" as const, params: { message, requestedSchema } }
    const { action, content } = await server.request(request, ElicitResultSchema, options)
    if (action !== "accept") return { without: action }
    const chosen = content?.[name]
    if (typeof chosen === "string" && Object.hasOwn(choices, chosen)) {
      return { choice: chosen as Choice }
    }
    return { without: "failed", words: "it accepted, and made no choice" }
  } catch (error) {
    if (!(error instanceof McpError)) return { without: "failed" }
    const isLate = error.code === LATE
    return isLate ? { without: "timeout" } : { without: "failed", words: inItsWords(error) }
  }
}

/** What the client said, without what the SDK puts before it. */
function inItsWords({ message }: Pick<McpError, "message">): string {
  return message.replace(/^(?:MCP error -?\d+: )+/, "")
}

/** The SDK's own transport answers malformed JSON with nothing, and ends at a long line. */
function transportOver(wire: Wire): Transport {
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

function problemOf(message: object): Problem | undefined {
  if (!JSONRPCMessageSchema.safeParse(message).success) {
    return { code: ErrorCode.InvalidRequest, message: "this is not a message of JSON-RPC 2.0" }
  }
  const request = "method" in message ? REQUESTS.get(message.method) : undefined
  if (request === undefined || request.safeParse(message).success) return undefined
  return { code: ErrorCode.InvalidParams, message: "the params do not fit the method" }
}

/** The SDK sends the text of whatever was thrown. Only what is meant for the client goes out. */
function withSafeError(message: JSONRPCMessage): JSONRPCMessage {
  if (!("error" in message)) return message
  if (message.error.code !== THROWN) {
    // The client's side of the SDK puts it there again.
    return { ...message, error: { ...message.error, message: inItsWords(message.error) } }
  }
  const error = { code: THROWN, message: "something went wrong that should not" }
  return { ...message, error }
}

/** We look at the answers ourselves; a schema compiler would only cost its start. */
const noValidator = {
  getValidator: () => () => {
    throw new TypeError("nothing here is validated by a compiled schema")
  },
}
