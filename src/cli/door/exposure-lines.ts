import { exposedName, parseSecretName } from "../../core/index.js"
import { type ExposedSecret, isNote } from "../../core/owner.js"
import type { Door } from "./door.js"
import { inSameFolder } from "./from-here.js"
import { isSet } from "./who.js"

/** A key that may be in other hands: any of the agent's, or the one of this recipient. */
interface KeyElsewhere {
  readonly agent: string
  readonly key?: string
}

/** What to do about exposed secrets, and about the key by which they may be read. */
export function exposureLines(
  door: Door,
  exposed: readonly ExposedSecret[],
  lost?: KeyElsewhere,
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
  if (lost !== undefined) next.push(blastLine(lost))
  return [
    `Rotate ${these}: what was read cannot be unread.`,
    ...lines,
    ...next.map((line) => inSameFolder(line, door.call)),
  ]
}

/** How a recipient begins is enough for --key; a post-quantum one has 2,000 characters. */
function blastLine({ agent, key }: KeyElsewhere): string {
  const [which, only] =
    key === undefined
      ? [`a key of ${agent}`, ""]
      : [`the old key of ${agent}`, ` --key ${key.slice(0, 20)}`]
  return `If ${which} is in other hands, see all that it opens: agent-vault blast ${agent}${only}`
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
