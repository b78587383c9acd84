import type {
  CheckFinding,
  GroupPlan,
  MaybeUnfinished,
  DroppedGrant,
  Outcome,
  Plan,
  PolicyPlan,
  PolicyRule,
  SecretGoing,
} from "../../core/owner.js"
import type { Door } from "./door.js"
import { fromHere, inSameFolder } from "./from-here.js"
import { harmless, say, toJson, writeOut } from "../terminal/terminal.js"
import { toned } from "../terminal/tone.js"
import { isSet } from "./who.js"

/** Secrets with a use that a line names; the others are counted. */
const SHOWN_USES = 5

/** So many lines are one text: that of millions would be longer than a text can be. */
const AT_ONCE = 10_000

/** Prints the one JSON document of a command, if it was asked for; says whether it was. */
export async function asJson(door: Door, document: unknown): Promise<boolean> {
  if (!isSet(door, "json")) return false
  await writeOut(door.terminal, `${toJson(document, 2)}\n`)
  return true
}

/** Lines for a person, on stdout: the data of a report. */
export async function print(door: Door, lines: readonly string[]): Promise<void> {
  const { stdout, env } = door.terminal
  for (let at = 0; at < lines.length; at += AT_ONCE) {
    const shown = lines.slice(at, at + AT_ONCE).map((line) => toned(harmless(line), stdout, env))
    if (!(await writeOut(door.terminal, `${shown.join("\n")}\n`))) return
  }
}

/** Lines for a person, on stderr: what happened, and the next step. */
export function tell(door: Door, ...lines: readonly string[]): void {
  const { stderr, env } = door.terminal
  for (const line of lines) say(door.terminal, toned(harmless(nextHere(door, line)), stderr, env))
}

/** What comes next is typed here, and so in the folder that this call was given. */
function nextHere({ call }: Door, line: string): string {
  return /\b(?:Next|Share it|Afterwards|then pin it): /.test(line) ? inSameFolder(line, call) : line
}

/** Who gains, who loses, since when, what was revoked before. */
export function planLines(plan: Plan): string[] {
  return [
    ...plan.groups.flatMap((group) => [...headLines(group), ...memberLines(group)]),
    ...(plan.escrows ?? []).map((agent) => `${agent}: its escrow is sealed to every owner`),
    ...(plan.policy === undefined ? [] : policyLines(plan.policy)),
  ]
}

/** That there is a policy, beside what the grants say. */
export function policyLine({ length }: readonly PolicyRule[]): string {
  return `A policy of ${counted(length, "rule")} decides as well: agent-vault policy show; of one secret: agent-vault policy explain GROUP/NAME --agent AGENT`
}

/** Which rules a policy would lose and gain. */
export function policyLines({ is, gained, lost }: PolicyPlan): string[] {
  const heads = {
    new: "a policy, which refuses what none of its rules allows",
    changed: "the policy",
    removed: "the policy goes: nothing is refused by it any more",
  }
  return [
    heads[is],
    ...lost.flatMap((rule) => ruleLines(rule, "  - ")),
    ...gained.flatMap((rule) => ruleLines(rule, "  + ")),
    ...(gained.length + lost.length === 0 ? ["  ~ its rules are in another order"] : []),
  ]
}

/** A rule: what it says, and its condition below, which may have several lines. */
export function ruleLines({ name, when, effect }: PolicyRule, sign = ""): string[] {
  const condition = when.trimEnd().split("\n")
  return [
    `${sign}${effect.padEnd(8)} ${name}`,
    ...condition.map((line) => `${" ".repeat(sign.length)}    ${line}`),
  ]
}

function headLines({
  group,
  is,
  losses,
  secrets,
  stale,
  lacksOwner,
  formerOwners = [],
}: GroupPlan): string[] {
  const rekeyed = is === "changed" && losses.length + formerOwners.length > 0
  return [
    group,
    ...(is === "new" ? ["  a new group"] : []),
    ...(is === "gone" ? ["  goes, with its keys"] : []),
    ...(rekeyed ? [`  gets a new key; ${counted(secrets, "secret")} re-encrypted`] : []),
    ...formerOwners.map(({ name }) => `  the owner ${name} was removed, and opens it no longer`),
    ...(lacksOwner === true ? ["  is sealed to every owner; one cannot open it"] : []),
    ...(stale.length > 0
      ? [`  ${counted(stale.length, "secret")} re-encrypted from an earlier key`]
      : []),
  ]
}

function memberLines({ gains, losses, retimed, unknown, kept = [] }: GroupPlan): string[] {
  const gained = new Set(gains.map(({ agent }) => agent))
  const rekeyed = losses.filter(({ agent, why }) => why === "rekeyed" && gained.has(agent))
  const renewed = new Set(rekeyed.map(({ agent }) => agent))
  const isRekeyed = ({ agent }: { agent: string }): boolean => renewed.has(agent)
  return [
    ...gains
      .filter((gain) => !isRekeyed(gain))
      .map(({ agent, until, reason, revokedAt }) =>
        [
          `  + ${agent} gains access`,
          until === undefined ? "" : ` until ${until}`,
          reason === undefined ? "" : ` (${reason})`,
          revokedAt === undefined ? "" : `; it lost this group on ${revokedAt}`,
        ].join(""),
      ),
    ...losses
      .filter((loss) => !isRekeyed(loss))
      .map(
        ({ agent, since, why }) =>
          `  - ${agent} loses access, which it had since ${since} (${why})`,
      ),
    ...rekeyed.map(({ agent }) => `  ~ ${agent} opens it with its new key, not with its old one`),
    ...retimed.map(
      ({ agent, from, until }) => `  ~ ${agent}: ends ${until ?? "never"}, not ${from ?? "never"}`,
    ),
    ...unknown.map((agent) => `  ? ${agent} is not an agent of this vault`),
    ...kept.map(({ secret, agent }) => {
      const then = renewed.has(agent) ? "the new key opens it here only" : "nobody takes leases"
      return `  ! ${secret}: ${agent} alone keeps its refresh token, and ${then}: set the latest`
    }),
  ]
}

/** The grants that a merge took out, and how each is made again on purpose. */
export function droppedLines(dropped: readonly DroppedGrant[]): string[] {
  return dropped.flatMap(({ agent, group, why }) =>
    why === "removed"
      ? [`Dropped  ${agent} -> ${group}: one side removed ${agent}`]
      : [
          `Dropped  ${agent} -> ${group}: one side revoked it`,
          `    to grant it again on purpose: agent-vault grant ${agent} ${group}`,
        ],
  )
}

/**
 * What a change did and how it ended, on one stream: a dry run is asked for its plan, so that is
 * data, on stdout; what a change says goes to stderr.
 */
export async function report(
  door: Door,
  outcome: Outcome<unknown>,
  ...lines: readonly string[]
): Promise<void> {
  const all = [...lines, ...outcomeLines(door, outcome)]
  if (isSet(door, "dry-run")) await print(door, all)
  else tell(door, ...all)
}

/** How a change ended: what it wrote, or would write, and what went wrong after it. */
export function outcomeLines(door: Door, outcome: Outcome<unknown>): string[] {
  const unfinished = unfinishedLines(outcome).map((line) => inSameFolder(line, door.call))
  return [outcomeLine(door, outcome), ...unfinished]
}

/** What went wrong after the work was done. It stands, and is not to be repeated. */
export function unfinishedLines({ unfinished = [] }: MaybeUnfinished): string[] {
  return unfinished.flatMap(({ message, hint }) => [
    `Done, but then: ${message}`,
    ...(hint === undefined ? [] : [`  ${hint}`]),
  ])
}

/** What JSON says of how a change ended. */
export function outcomePart({ files, commit, unfinished }: Outcome<unknown>): object {
  return { files, commit, ...unfinishedPart({ unfinished }) }
}

/** The same of what went wrong after the work was done; nothing where nothing did. */
export function unfinishedPart({ unfinished }: MaybeUnfinished): object {
  if (unfinished === undefined) return {}
  return { unfinished: unfinished.map(({ code, message, hint }) => ({ code, message, hint })) }
}

function outcomeLine(door: Door, outcome: Outcome<unknown>): string {
  const files = counted(outcome.files.length, "file")
  if (isSet(door, "dry-run")) {
    return outcome.files.length === 0
      ? "Nothing would change."
      : `Dry run: ${files} would change: ${some(outcome.files)}`
  }
  const { commit } = outcome
  return commit === undefined
    ? "Nothing changed."
    : `${files} changed, ${committedPart({ ...outcome, commit })}`
}

/** The commit, and how it gets to the others. */
export function committedPart({
  commit,
  hasRemote,
}: {
  readonly commit: string
  readonly hasRemote: boolean
}): string {
  const at = `commit ${commit.slice(0, 10)}`
  return hasRemote ? `${at}. Share it: agent-vault sync` : at
}

/** 5 if a reader would refuse something, 1 if anything needs attention. */
export function exitCodeOf(findings: readonly CheckFinding[]): number {
  if (findings.some(({ severity }) => severity === "refused")) return 5
  return findings.length > 0 ? 1 : 0
}

/** Findings, each with a way out that can be typed here. */
export function findingsFromHere(
  findings: readonly CheckFinding[],
  { call, cwd }: Door,
): CheckFinding[] {
  return findings.map((finding) =>
    finding.hint === undefined
      ? finding
      : { ...finding, hint: fromHere(finding.hint, call, () => cwd) },
  )
}

/** Findings as lines, each way out once, behind all that it is for; it names one subject, or NAME. */
export function findingLines(findings: readonly CheckFinding[]): string[] {
  const byAdvice = new Map<string, CheckFinding[]>()
  for (const finding of findings) {
    const advice = finding.hint?.replaceAll(finding.subject, "NAME") ?? ""
    byAdvice.set(advice, [...(byAdvice.get(advice) ?? []), finding])
  }
  return [...byAdvice].flatMap(([advice, alike]) => {
    const hint = new Set(alike.map((each) => each.hint)).size > 1 ? advice : alike[0]?.hint
    return [...alike.map(findingLine), ...(hint === undefined ? [] : [`    ${hint}`])]
  })
}

function findingLine({ severity, code, subject, message }: CheckFinding): string {
  const head = `${severity === "refused" ? "REFUSED" : "attention"}  ${code}  `
  return `${head}${message.startsWith(subject) ? message : `${subject}: ${message}`}`
}

/** Where the broker may send secrets, in short. */
export function goingLines({ goes }: { readonly goes: readonly SecretGoing[] }): string[] {
  if (goes.length === 0) return []
  const shown = goes.slice(0, SHOWN_USES).map(({ secret, hosts: [first = "", ...more] }) => {
    const others = more.length === 0 ? "" : ` +${more.length}`
    return `${secret} to ${first}${others}`
  })
  const left = goes.length - shown.length
  const rest = left === 0 ? "" : `, and ${left} more`
  return [`uses      ${shown.join(", ")}${rest}: agent-vault use --list`]
}

/** Columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    rows.reduce((widest, row) => Math.max(widest, harmless(row[column] ?? "").length), 0),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => harmless(cell).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}

/** `1 secret`, `2 secrets`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`
}

function some(files: readonly string[]): string {
  const shown = files.slice(0, 6).join(", ")
  return files.length > 6 ? `${shown} and ${files.length - 6} more` : shown
}
