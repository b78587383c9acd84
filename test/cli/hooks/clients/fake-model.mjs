// A model for clients, on loopback: `fake-model.mjs PORT LOG CALL..`. Each CALL is JSON, {"name",
// "input"}, and for Codex the "namespace" of a server's tool. Whatever the client sends, and how it identifies itself, is appended to LOG, a line of JSON each.
import { appendFileSync } from "node:fs"
import { createServer } from "node:http"
import { argv } from "node:process"
import { playModel } from "./model.mjs"

const [port, log, ...calls] = argv.slice(2)
const answer = playModel(calls.map((call) => JSON.parse(call)))

createServer((request, response) => {
  const chunks = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString()
    appendFileSync(log, `${body || "null"}\n`)
    const { authorization } = request.headers
    appendFileSync(log, `${JSON.stringify({ authorization })}\n`)
    answer(request.url, body, response)
  })
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"))
