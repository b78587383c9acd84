/** Keeps the page that is served as it is: when told so, it fetches itself. No text of others is in it. */
export const GLANCE_SCRIPT = `
(() => {
"use strict"
const said = (text) => { document.getElementById("live").textContent = text }
const changes = new EventSource("changes")
changes.addEventListener("changed", () => {
  fetch(location.href).then((reply) => reply.text()).then((text) => {
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
