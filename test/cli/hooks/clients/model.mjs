// A model for clients: it has them call tools, one after the other, and then ends. Speaks Anthropic's
// Messages, OpenAI's Responses and Gemini's streams.

/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {{ name: string, namespace?: string, input: object }} Call */
/** @typedef {() => (Call & { turn: number }) | undefined} Next The call that is due, if any is. */

/**
 * Answers requests as a model that wants these calls made.
 *
 * @param {readonly Call[]} calls
 * @returns {(url: string, body: string, response: Response) => void}
 */
export function playModel(calls) {
  let turn = 0
  const next = () => {
    const call = calls[turn]
    return call && { ...call, turn: (turn += 1) }
  }
  return (url, body, response) => {
    if (url.startsWith("/v1/messages") && !url.includes("count_tokens"))
      return message(body, response, next)
    if (url.startsWith("/v1/responses")) return respond(response, next)
    if (url.includes(":streamGenerateContent")) return generate(response, next)
    response
      .writeHead(200, { "content-type": "application/json" })
      .end('{"input_tokens":1,"data":[]}')
  }
}

/**
 * https://docs.anthropic.com/en/api/messages-streaming
 *
 * @param {string} body
 * @param {Response} response
 * @param {Next} next
 */
function message(body, response, next) {
  /** @type {{ model: string, tools?: { name: string }[] }} */
  const { model, tools = [] } = JSON.parse(body)
  // Requests without tools are for titles and the like.
  const call = tools.some(({ name }) => name === "Bash") ? next() : undefined
  const usage = { input_tokens: 1, output_tokens: 1 }
  const start = { id: `msg_${call?.turn ?? 0}`, type: "message", role: "assistant", model, usage }
  const block = call
    ? { type: "tool_use", id: `toolu_${call.turn}`, name: call.name, input: {} }
    : { type: "text", text: "" }
  const delta = call
    ? { type: "input_json_delta", partial_json: JSON.stringify(call.input) }
    : { type: "text_delta", text: "done" }
  const stop = { stop_reason: call ? "tool_use" : "end_turn", stop_sequence: null }
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

/**
 * https://platform.openai.com/docs/api-reference/responses-streaming
 *
 * @param {Response} response
 * @param {Next} next
 */
function respond(response, next) {
  const call = next()
  const item = call
    ? {
        type: "function_call",
        id: `fc_${call.turn}`,
        call_id: `call_${call.turn}`,
        name: call.name,
        namespace: call.namespace,
        arguments: JSON.stringify(call.input),
      }
    : {
        type: "message",
        id: "m",
        role: "assistant",
        content: [{ type: "output_text", text: "done" }],
      }
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
  const id = `resp_${call?.turn ?? 0}`
  const details = { input_tokens_details: null, output_tokens_details: null }
  stream(response, [
    ["response.created", { response: { id } }],
    ["response.output_item.done", { output_index: 0, item }],
    ["response.completed", { response: { id, usage: { ...usage, ...details } } }],
  ])
}

/**
 * https://ai.google.dev/api/generate-content
 *
 * @param {Response} response
 * @param {Next} next
 */
function generate(response, next) {
  const call = next()
  const part = call ? { functionCall: { name: call.name, args: call.input } } : { text: "done" }
  const content = { role: "model", parts: [part] }
  const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
  const answer = { candidates: [{ content, finishReason: "STOP", index: 0 }], usageMetadata }
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.end(`data: ${JSON.stringify(answer)}\n\n`)
}

/**
 * @param {Response} response
 * @param {[string, object][]} events
 */
function stream(response, events) {
  response.writeHead(200, { "content-type": "text/event-stream" })
  for (const [type, data] of events) {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
  }
  response.end()
}
