// Notes lines in a file of the audit until it is told to stop: `appender.mjs BUNDLE FILE COUNT HOW`.
import { createRequire } from "node:module"

const [bundle = "", file = "", count, how] = process.argv.slice(2)
/** @type {unknown} */
const loaded = createRequire(import.meta.url)(bundle)
const { auditTo } = /** @type {typeof import("../../../src/core/audit/audit.js")} */ (loaded)
const audit = auditTo({ file }, { session: `of ${process.pid}` })

/**
 * @param {number} request
 * @returns {import("../../../src/core/audit/audit.js").AuditEvent}
 */
const event = (request) => ({
  at: "2026-11-28T00:00:00Z",
  actor: { role: "agent", name: "ci" },
  door: "broker",
  event: "request",
  vault: "0".repeat(32),
  secrets: [{ name: "stripe/api-key", version: 1 }],
  request,
})
process.stdout.write("ready\n")
if (how === "durably") {
  await Promise.all(
    Array.from({ length: Number(count) }, (_, request) => audit.noteDurably([event(request)])),
  )
} else for (let request = 0; request < Number(count); request++) audit.note([event(request)])
audit.close()
process.stdout.write("done\n")
