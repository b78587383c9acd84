import { exposedName } from "../../core/index.js"
import type { RemovedSecret } from "../../core/owner.js"
import { stillReadable } from "./readers-text.js"
import { counted } from "./render.js"

/** The secrets that go, a line each. */
export function removedLines(removed: readonly RemovedSecret[]): string[] {
  return removed.map(({ name, version }) => `- ${name}  (${counted(version, "value")})`)
}

/** What becomes of their values, which Git keeps. */
export function afterRemoval(removed: readonly RemovedSecret[], dryRun: boolean): string[] {
  if (removed.length === 0) return []
  const could = removed.flatMap(({ readers, exposed = [] }) => [
    ...readers.map(({ agent }) => agent),
    ...exposed.map(exposedName),
  ])
  const what = removed.length === 1 ? "Its values stay" : "Their values stay"
  return [
    stillReadable(what, could),
    ...(dryRun ? [] : ["To remove is not to rotate: end what still works at its source."]),
  ]
}
