import { exposedName, parseSecretName } from "../../core/index.js"
import { type ExposedSecret, isNote } from "../../core/owner.js"
import type { Door } from "./door.js"
import { inSameFolder } from "./from-here.js"
import { isSet } from "./who.js"

/** What to do about exposed secrets; `lost` is the agent whose key may be in other hands. */
export function exposureLines(
  door: Door,
  exposed: readonly ExposedSecret[],
  lost?: string,
): string[] {
  if (exposed.length === 0) return []
  const these = exposed.length === 1 ? "this value" : `these ${exposed.length} values`
  const lines = exposed.map(({ secret, to, store, hasProgram }) => {
    const where = store === undefined ? "" : `; its value lies in ${store}`
    const by = hasProgram ? "; a program rotates it" : ""
    return `  ${secret}  (exposed to ${to.map(exposedName).join(", ")}${where}${by})`
  })
  if (isSet(door, "dry-run")) return [`You would have to rotate ${these}:`, ...lines]
  const next = nextLines(exposed)
  if (lost !== undefined) {
    next.push(
      `If a key of ${lost} is in other hands, see all that it opens: agent-vault blast ${lost}`,
    )
  }
  return [
    `Rotate ${these}: what was read cannot be unread.`,
    ...lines,
    ...next.map((line) => inSameFolder(line, door.call)),
  ]
}

/** How a value changes depends on where it comes from; one that a program makes is not typed. */
function nextLines(exposed: readonly ExposedSecret[]): string[] {
  const elsewhere = exposed.find(({ store }) => store !== undefined)
  const left = "What is left: agent-vault list --exposed"
  const others = exposed.some(({ hasProgram }) => hasProgram !== true)
  return [
    ...(exposed.some(({ hasProgram }) => hasProgram)
      ? ["Where a program rotates it: agent-vault rotate --exposed"]
      : []),
    others ? `Make new values at their source, then: agent-vault set NAME. ${left}` : left,
    ...(exposed.some(({ secret }) => isNote(parseSecretName(secret)))
      ? [
          "A note tells of a canary, and is not set: agent-vault canary list, then canary remove and add",
        ]
      : []),
    ...(elsewhere === undefined
      ? []
      : [
          `What lies in another store is changed there; then: agent-vault set ${elsewhere.secret} --source REFERENCE`,
        ]),
  ]
}
