/** Keeps the page that is served as it is: when told so, it fetches itself. No text of others is in it. */
export const GLANCE_SCRIPT = `
(() => {
"use strict"
const said = (text) => { document.getElementById("live").textContent = text }
const changes = new EventSource("changes")
// An answer that took longer than a later one does not take its place.
let asked = 0, shown = 0
changes.addEventListener("changed", () => {
  const turn = ++asked
  fetch(location.href).then((reply) => reply.text()).then((text) => {
    if (turn < shown) return
    shown = turn
    const page = new DOMParser().parseFromString(text, "text/html")
    for (const name of ["header", "main"]) {
      document.querySelector(name).replaceWith(page.querySelector(name))
    }
    said("Followed a change at " + new Date().toLocaleTimeString() + ".")
  }).catch(() => {})
})
changes.addEventListener("open", () => said("It follows the vault and the audit."))
changes.addEventListener("error", () => said("agent-vault ui has ended: this page stays as it is."))
})()
`
