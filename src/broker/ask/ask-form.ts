import { harmless } from "../../core/index.js"
import type { Question } from "../proxy/asking.js"
import { authorityOf } from "../target/target.js"

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}
const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}
dt{color:#666}dd{margin:0 0 .6rem;font-family:monospace;overflow-wrap:anywhere;white-space:pre-wrap}
button{font:inherit;padding:.5rem 1.5rem;margin-right:1rem}`

/** The page with the question and its two answers, in HTML. */
export function questionPage(question: Question, token: string): string {
  const { secret, method, target, path, bodyDigest } = question
  const facts = [
    ["secret", secret],
    ["method", method],
    ["host", authorityOf(target)],
    ["path", path],
    ...(bodyDigest === undefined ? [] : [["body", bodyDigest]]),
  ]
  const holds =
    bodyDigest === undefined
      ? "Yes holds for this method, host and path until the run ends."
      : "Yes holds for this request alone."
  return page(`<h1>May this secret be sent?</h1>
<p>A program of agent-vault wants to send a request with it.</p>
<dl>${facts.map(([name = "", fact = ""]) => `<dt>${name}</dt><dd>${escaped(fact)}</dd>`).join("\n")}</dl>
<p>${holds}</p>
<form method="post"><input type="hidden" name="token" value="${escaped(token)}">
<button name="answer" value="no">No</button><button name="answer" value="yes">Yes, send it</button></form>`)
}

/** What is shown after the answer. */
export function answeredPage(isYes: boolean): string {
  return page(`<h1>You said ${isYes ? "yes" : "no"}</h1><p>You can close this page.</p>`)
}

function page(body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>agent-vault</title><style>${STYLE}</style>
<body>${body}</body></html>`
}

/** Text of a program, as nothing but text. */
function escaped(text: string): string {
  return harmless(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
}
