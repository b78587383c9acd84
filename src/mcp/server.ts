import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js"
import type { ToolResult } from "./calls/answer.js"
import type { Client } from "./calls/client.js"
import type { CallMade } from "../serving/serving.js"
import type { Arguments, Tool } from "./calls/tool.js"
import { namesOf } from "./calling-names.js"
import { type ElicitBy, PersonAtClient, askThrough } from "./elicitation.js"
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
  const askBy = askThrough(
    () => new PersonAtClient(elicitingBy(server, timeout, [...inWork].at(-1))),
  )
  const clientOf = (call: string | number): Client => ({
    name: server.getClientVersion()?.name,
    ask: (question) => {
      // Other calls wait for the same answer: it is not over with the call that asked first.
      const signal = AbortSignal.timeout(timeout)
      const person = new PersonAtClient(elicitingBy(server, timeout, call))
      return person.choose(question, SHOW, signal, Date.now() + timeout)
    },
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

/** Questions that come before the answer of a call: over HTTP they have to go with one. */
function elicitingBy(server: Server, timeout: number, call: string | number | undefined): ElicitBy {
  const { form, url } = server.getClientCapabilities()?.elicitation ?? {}
  const related = call === undefined ? {} : { relatedRequestId: call }
  return {
    can: { form: form !== undefined, url: url !== undefined },
    elicit: async (params, signal) => {
      try {
        const request = { method: "elicitation/create" as const, params }
        const options = { timeout, signal, ...related }
        const { action, content } = await server.request(request, ElicitResultSchema, options)
        return action === "accept" ? { content } : { without: action }
      } catch (error) {
        if (!(error instanceof McpError)) return { without: "failed" }
        const isLate = error.code === LATE
        return isLate ? { without: "timeout" } : { without: "failed", words: inItsWords(error) }
      }
    },
    complete: async (elicitationId) => {
      const method = "notifications/elicitation/complete"
      // A client that has gone has no use for it.
      await server.notification({ method, params: { elicitationId } }, related).catch(() => {})
    },
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

/** We look at the answers ourselves; a schema compiler would only cost its start. */
const noValidator = {
  getValidator: () => () => {
    throw new TypeError("nothing here is validated by a compiled schema")
  },
}
