import { type VaultError, endDue, shellWord } from "../../core/index.js"
import type { Outcome, Rotated } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { brokenLines } from "../door/noted-uses.js"
import { exposureLines } from "../door/exposure-lines.js"
import { counted, outcomeLines, table } from "../door/render.js"
import { nothingWanted } from "../door/wanted-secrets.js"
import { option } from "../door/who.js"
import type { RotationToDo } from "./rotate-secret.js"
import type { AuditsLookedAt, SelectedSecret } from "./select-secrets.js"

/** What became of a selected secret. */
export type RotationEnd =
  | { readonly is: "no rotation" | "declined" | "not begun" }
  /** `told` is what JSON says of it. */
  | { readonly is: "rotated"; readonly told: object }
  | { readonly is: "failed"; readonly error: VaultError }

/** What a call selects, and the lines to type for what no program rotates. */
export function selectionLines(door: Door, selected: readonly SelectedSecret[]): string[] {
  const since = option(door, "used-since")
  if (selected.length === 0) {
    const used = /[a-z]$/.test(since ?? "") ? "in the last" : "since"
    return [nothingWanted(door, ...(since === undefined ? [] : [`was used ${used} ${since}`]))]
  }
  const rows = selected.map(({ name, why, toDo }) => [
    name.full,
    why.join("; "),
    (toDo?.rotation.run ?? []).map(shellWord).join(" "),
  ])
  const elsewhere = selected.filter(({ isElsewhere }) => isElsewhere)
  const without = selected.filter((each) => each.toDo === undefined && !each.isElsewhere)
  return [
    ...table([["SECRET", "WHY", "ROTATED BY"], ...rows]),
    ...(without.length === 0
      ? []
      : [
          "Where no program is named, an owner names one, or sets a value made at its source:",
          `  agent-vault rotation -s ${nameFor(without)} -- PROGRAM`,
          `  agent-vault set ${nameFor(without)}`,
        ]),
    ...(elsewhere.length === 0
      ? []
      : [
          "What lies in another store is changed there; then say so:",
          `  agent-vault set ${nameFor(elsewhere)} --source REFERENCE`,
        ]),
  ]
}

/** For advice that is given once: the names stand in the table. */
function nameFor(secrets: readonly SelectedSecret[]): string {
  const [only, ...others] = secrets
  return only === undefined || others.length > 0 ? "GROUP/NAME" : only.name.full
}

/** Which audits `--used-since` went by, and what it cannot know. */
export function auditLines(audits: AuditsLookedAt | undefined): string[] {
  if (audits === undefined) return []
  const { folder, since, files, elsewhere, unknown } = audits
  const lines = files.reduce((sum, file) => sum + file.lines, 0)
  return [
    `Used since ${since} by agents, by ${counted(lines, "line")} in ${counted(files.length, "audit")} of this machine: ${folder}`,
    "Audits of other machines, and files that were moved away, are not in it.",
    ...(elsewhere === 0
      ? []
      : [`Agents published ${counted(elsewhere, "audit")} of other machines: look there too.`]),
    ...brokenLines(audits),
    ...(unknown.length === 0
      ? []
      : [`Used under names that the vault does not have now: ${unknown.join(", ")}`]),
  ]
}

/** How one rotation went; undefined stands for a new value that was set before. */
export function rotatedLines(
  door: Door,
  { name: { full }, rotation, expires }: RotationToDo,
  outcome: Outcome<Rotated> | undefined,
): string[] {
  if (outcome === undefined) {
    return [
      `${full} had its new value already; the old one is ended.`,
      // The record was signed when the value was set.
      ...(expires === undefined ? [] : [endHint(full, "stays as it was set")]),
    ]
  }
  const { result } = outcome
  const then =
    rotation.end === undefined ? "end the old value at its source." : "the old value is ended."
  return [
    `${full} is rotated, version ${result.version}; ${then}`,
    ...exposureLines(door, result.exposed),
    ...outcomeLines(door, outcome),
    ...(expires !== undefined || endDue(result.expires, door.now) === undefined
      ? []
      : [endHint(full, `is that of the old value, ${result.expires ?? ""}`)]),
  ]
}

function endHint(name: string, how: string): string {
  return `When it ends ${how}; to change that: agent-vault meta ${name} --expires 90d`
}

/** An error that did not end the call. */
export function errorLines({ code, message, hint }: VaultError): string[] {
  return [`${code}: ${message}`, ...(hint === undefined ? [] : [`  ${hint}`])]
}

/** What was done, and what was not. */
export function endLines(
  selected: readonly SelectedSecret[],
  ends: readonly RotationEnd[],
): string[] {
  const named = (is: RotationEnd["is"]): string[] =>
    selected.flatMap(({ name }, at) => (ends[at]?.is === is ? [name.full] : []))
  const said = {
    rotated: "Rotated",
    failed: "Failed",
    "not begun": "Not begun",
    declined: "Not agreed to, and not run",
    "no rotation": "No program is named",
  } as const
  return Object.entries(said).flatMap(([is, what]) => {
    const names = named(is as RotationEnd["is"])
    return names.length === 0 ? [] : [`${what} (${names.length}): ${names.join(", ")}`]
  })
}
