/** Keeps the page that is served as it is: when told so, it fetches itself. No text of others is in it. */
export const GLANCE_SCRIPT = `
(() => {
"use strict"
const said = (text) => { document.getElementById("live").textContent = text }
// An answer that took longer than a later one does not take its place.
let asked = 0, shown = 0
const fetchAnew = (why) => {
  const turn = ++asked
  // Past the browser's cache, in which it would wait for the one before: Chromium, for 20 s.
  fetch(location.href, { cache: "no-store" }).then((reply) => reply.text()).then((text) => {
    if (turn < shown) return
    shown = turn
    const page = new DOMParser().parseFromString(text, "text/html")
    for (const name of ["header", "main"]) {
      document.querySelector(name).replaceWith(page.querySelector(name))
    }
    said(why())
  }).catch(() => {})
}
const changes = new EventSource("changes")
changes.addEventListener("changed", () => fetchAnew(() => "Followed a change at " + new Date().toLocaleTimeString() + "."))
// Nobody told it what changed before it listened, or while it was cut off.
changes.addEventListener("open", () => fetchAnew(() => "It follows the vault and the audit."))
changes.addEventListener("error", () => said("agent-vault ui has ended: this page stays as it is."))
})()
`
