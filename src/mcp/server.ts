import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js"
import type { Choice } from "../questions/question.js"
import type { ToolResult } from "./calls/answer.js"
import type { CallMade, Client, Reply } from "./calls/serving.js"
import type { Arguments, Tool } from "./calls/tool.js"
import { namesOf } from "./calling-names.js"
import { type ChoiceForm, askThrough } from "./elicitation.js"
import { inItsWords } from "./transports.js"

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

/** The code that the SDK gives to an unanswered question. */
const LATE: number = ErrorCode.RequestTimeout

/** Whether a value may be shown. */
const SHOW = {
  field: ["show", "Show it?"],
  choices: { once: "Yes, once", session: "Yes, as long as this server runs", no: "No" },
} as const

/** Speaks the Model Context Protocol with one client, over a transport of `transports.ts`. */
export async function startServer(transport: Transport, service: Answering): Promise<void> {
  const { version, instructions, tools } = service
  const server = new Server(
    { name: "agent-vault", title: "agent-vault", version },
    { capabilities: { tools: {} }, instructions, jsonSchemaValidator: noValidator },
  )
  const inWork = new Set<string | number>()
  const { patience: timeout } = service
  /** A question of no certain call goes with the latest: over HTTP it has to go with one. */
  const askBy = askThrough((form, signal) =>
    fill(server, form, { timeout, signal, ...relatedTo([...inWork].at(-1)) }),
  )
  const clientOf = (call: string | number): Client => ({
    name: server.getClientVersion()?.name,
    ask: (message) => fill(server, { message, ...SHOW }, { timeout, ...relatedTo(call) }),
    askBy,
  })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools.map(asListed) }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, made) => {
    const { requestId, signal } = made
    const tool = tools.find(({ name }) => name === params.name)
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, "there is no such tool")
    const attribution = namesOf(made)
    const client = clientOf(requestId)
    inWork.add(requestId)
    try {
      return await service.call(tool, params.arguments ?? {}, { client, signal, attribution })
    } finally {
      inWork.delete(requestId)
    }
  })
  await server.connect(transport)
}

/** The call whose answer a question of ours comes before. */
function relatedTo(call: string | number | undefined) {
  return call === undefined ? {} : { relatedRequestId: call }
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
  options: { timeout: number; signal?: AbortSignal; relatedRequestId?: string | number },
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

/** We look at the answers ourselves; a schema compiler would only cost its start. */
const noValidator = {
  getValidator: () => () => {
    throw new TypeError("nothing here is validated by a compiled schema")
  },
}
