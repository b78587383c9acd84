// A model for clients, on loopback: `fake-model.mjs PORT LOG CALL..` has the client call these tools,
// one after the other, and then ends. Each CALL is JSON, {"name", "input"}. Whatever the client sends
// is appended to LOG, a line of JSON each. Speaks Anthropic's Messages and OpenAI's Responses.
import { appendFileSync } from "node:fs"
import { createServer } from "node:http"
import { argv } from "node:process"

const [port, log, ...calls] = argv.slice(2)
let turn = 0

createServer((request, response) => {
  const chunks = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => answer(request.url, Buffer.concat(chunks).toString(), response))
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"))

function answer(url, body, response) {
  appendFileSync(log, `${body || "null"}\n`)
  if (url.startsWith("/v1/messages") && !url.includes("count_tokens"))
    return message(body, response)
  if (url.startsWith("/v1/responses")) return respond(response)
  response
    .writeHead(200, { "content-type": "application/json" })
    .end('{"input_tokens":1,"data":[]}')
}

/** https://docs.anthropic.com/en/api/messages-streaming */
function message(body, response) {
  const { model, tools = [] } = JSON.parse(body)
  const isAsked = tools.some(({ name }) => name === "Bash") && turn < calls.length
  const { name, input } = isAsked ? JSON.parse(calls[turn]) : {}
  if (isAsked) turn += 1
  const usage = { input_tokens: 1, output_tokens: 1 }
  const start = { id: `msg_${turn}`, type: "message", role: "assistant", model, usage }
  const block = isAsked
    ? { type: "tool_use", id: `toolu_${turn}`, name, input: {} }
    : { type: "text", text: "" }
  const delta = isAsked
    ? { type: "input_json_delta", partial_json: JSON.stringify(input) }
    : { type: "text_delta", text: "done" }
  const stop = { stop_reason: isAsked ? "tool_use" : "end_turn", stop_sequence: null }
  stream(response, [
    [
      "message_start",
      { message: { ...start, content: [], stop_reason: null, stop_sequence: null } },
    ],
    ["content_block_start", { index: 0, content_block: block }],
    ["content_block_delta", { index: 0, delta }],
    ["content_block_stop", { index: 0 }],
    ["message_delta", { delta: stop, usage: { output_tokens: 1 } }],
    ["message_stop", {}],
  ])
}

/** https://platform.openai.com/docs/api-reference/responses-streaming */
function respond(response) {
  const isAsked = turn < calls.length
  const { name, input } = isAsked ? JSON.parse(calls[turn]) : {}
  if (isAsked) turn += 1
  const item = isAsked
    ? {
        type: "function_call",
        id: `fc_${turn}`,
        call_id: `call_${turn}`,
        name,
        arguments: JSON.stringify(input),
      }
    : {
        type: "message",
        id: "m",
        role: "assistant",
        content: [{ type: "output_text", text: "done" }],
      }
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
  const details = { input_tokens_details: null, output_tokens_details: null }
  stream(response, [
    ["response.created", { response: { id: `resp_${turn}` } }],
    ["response.output_item.done", { output_index: 0, item }],
    ["response.completed", { response: { id: `resp_${turn}`, usage: { ...usage, ...details } } }],
  ])
}

function stream(response, events) {
  response.writeHead(200, { "content-type": "text/event-stream" })
  for (const [type, data] of events) {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
  }
  response.end()
}
