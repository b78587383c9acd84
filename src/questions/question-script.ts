/**
 * What the page does where scripts run; all of it works without. It sends the answer without leaving
 * the page, since a browser closes for a script only what has no history. A yes within a second after
 * the page came in sight is not taken. No text of others is in it.
 */
export const QUESTION_SCRIPT = `
(() => {
"use strict"
const main = document.querySelector("main")
const form = document.querySelector("form")
const status = document.getElementById("status")
const time = document.getElementById("time")
const until = Date.now() + Number(main.dataset.seconds) * 1000
const buttons = () => document.querySelectorAll("button")

const ticking = setInterval(() => {
  const left = Math.max(0, Math.round((until - Date.now()) / 1000))
  time.textContent = left === 0
    ? "The time is over: without an answer it was a no. You can close this page."
    : "Without an answer within " + left + " seconds it is no."
  if (left === 30) status.textContent = "30 seconds are left."
  if (left > 0) return
  clearInterval(ticking)
  status.textContent = time.textContent
  for (const button of buttons()) button.disabled = true
}, 1000)

// A click that was meant for what was there before is no yes.
let appeared = performance.now()
document.addEventListener("visibilitychange", () => { appeared = performance.now() })
const isTooSoon = (answer) =>
  ["once", "session"].includes(answer) && performance.now() - appeared < 1000

form.addEventListener("submit", (event) => {
  event.preventDefault()
  if (isTooSoon(event.submitter.value)) {
    return tell("This page has only just appeared. Press again if you mean it.")
  }
  const body = new URLSearchParams(new FormData(form, event.submitter))
  for (const button of buttons()) button.disabled = true
  status.textContent = "Sending your answer."
  fetch(location.href, { method: "POST", body }).then((reply) => reply.text()).then(show, fail)
})

function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html")
  const next = page.querySelector("main[data-answered]")
  if (next === null) {
    const problem = page.querySelector(".problem")
    return fail(problem === null ? undefined : problem.textContent)
  }
  clearInterval(ticking)
  document.title = page.title
  main.replaceWith(next)
  next.querySelector("h1").focus()
  window.close()
}

function fail(problem) {
  status.textContent = ""
  if (typeof problem === "string") {
    for (const button of buttons()) button.disabled = false
    return tell(problem)
  }
  clearInterval(ticking)
  time.textContent = ""
  tell("The answer was not taken: the question is over, or was answered elsewhere.")
}

function tell(problem) {
  const told = document.querySelector(".problem") || document.createElement("p")
  told.className = "problem"
  told.setAttribute("role", "alert")
  told.textContent = problem
  form.before(told)
}

const value = document.getElementById("value")
if (value !== null) {
  const show = document.getElementById("show")
  show.hidden = false
  show.addEventListener("click", () => {
    const isShown = value.type === "text"
    value.type = isShown ? "password" : "text"
    show.setAttribute("aria-pressed", String(!isShown))
    show.textContent = isShown ? "Show" : "Hide"
    value.focus()
  })
  // One line takes no line ends: what has them goes where they stay.
  value.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text")
    if (!/[\\r\\n]/.test(text.trim())) return
    event.preventDefault()
    document.getElementById("more").open = true
    const lines = document.getElementById("lines")
    lines.value = text
    lines.focus()
    status.textContent = "The text has several lines, and is in the field for lines."
  })
}
})()
`
