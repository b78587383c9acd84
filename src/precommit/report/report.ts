import { harmless, toJson } from "../../core/guard.js"
import { type Finding, OWN_VALUE } from "./finding.js"
import type { Subject } from "../../serving/guarding.js"
import { SETTINGS_FILE, type Report, stopped } from "./request.js"
import { type Told, told } from "./titles.js"

/** More findings than this are counted, not shown, to a person. */
const MOST_TOLD = 50

/** The lines that a person reads. Each is escaped, since paths come from the repository. */
export function linesFor(report: Report, subject: Subject): readonly string[] {
  const { findings } = report
  const shown = findings.slice(0, MOST_TOLD)
  const lines = [
    ...(findings.length > 0 ? [headline(findings.length, subject), ""] : []),
    ...alike(shown.map(told)).flatMap(linesOf),
    ...(shown.length < findings.length
      ? [`… and ${findings.length - shown.length} more: agent-vault guard --json`, ""]
      : []),
    ...waysOut(findings, subject),
    ...noteLines(report),
    ...(findings.length === 0 && stopped(subject) === undefined ? [nothingFound(report)] : []),
  ]
  return lines.map(harmless)
}

/** One JSON document; see docs/guard.md. */
export function jsonFor(report: Report): string {
  return `${toJson(reportDocument(report), 2)}\n`
}

/** A report as it is shown in JSON. */
export function reportDocument(report: Report) {
  return {
    ...report,
    findings: withoutTexts(report.findings),
    public: withoutTexts(report.public),
  }
}

/** What there is to say of exceptions, and of what was not looked for. */
export function notesOn(report: Report): readonly string[] {
  return noteLines({ ...report, public: [] }).map(harmless)
}

/** What may be shown of findings: all but the text itself. */
function withoutTexts(findings: readonly Finding[]) {
  return findings.map(told).map(({ text: _text, ...rest }) => rest)
}

function nothingFound({ files, allowed }: Report): string {
  const except = allowed === 0 ? "" : `, ${allowed} allowed by exceptions`
  return `agent-vault guard: ${files} file${files === 1 ? "" : "s"}, nothing found${except}`
}

/** What to do about values; what is stored already has no entry among the exceptions either. */
function waysOut(findings: readonly Finding[], subject: Subject): readonly string[] {
  const values = findings.filter(({ text }) => text !== undefined)
  if (values.length === 0) return []
  const isOwn = values.every(({ rule }) => rule === OWN_VALUE)
  return [
    "What to do about a value:",
    ...(subject.is === "staged"
      ? ["  take it out  change the file and git add it, or: git restore --staged FILE"]
      : []),
    ...(subject.is === "range" || subject.is === "push"
      ? ["  take it out  of its commit, if that is not pushed yet: git rebase -i COMMIT^"]
      : []),
    ...(isOwn ? [] : ["  store it     agent-vault set GROUP/NAME, and read it from there"]),
    "  rotate it    if it was ever pushed or shared: what is in the history stays readable",
    "  allow it     if it is not a secret: a comment on its line or the one above,",
    "                 agent-vault: allow RULE the reason why",
    ...(isOwn
      ? []
      : [`               or an entry in ${SETTINGS_FILE}: agent-vault guard --fingerprints`]),
  ]
}

function headline(count: number, subject: Subject): string {
  const findings = `${count} finding${count === 1 ? "" : "s"}`
  const what = stopped(subject)
  return `agent-vault guard: ${findings}${what === undefined ? "" : `; the ${what} is stopped`}`
}

/** Findings of which the same is to be said, at the place of the first. */
function alike(findings: readonly Told[]): readonly (readonly [Told, ...Told[]])[] {
  const groups = new Map<string, [Told, ...Told[]]>()
  for (const finding of findings) {
    const said = JSON.stringify(adviceOn(finding))
    const group = groups.get(said)
    if (group === undefined) groups.set(said, [finding])
    else group.push(finding)
  }
  return [...groups.values()]
}

function linesOf(group: readonly [Told, ...Told[]]): readonly string[] {
  const places = group.map((each) => [placeOf(each), each.excerpt].filter(Boolean).join("  "))
  return [...places, ...adviceOn(group[0]).map((line) => `  ${line}`), ""]
}

function adviceOn({ rule, title, message, hint }: Told): readonly string[] {
  return [`${rule}: ${title}`, message, hint].filter((line) => line !== undefined)
}

function placeOf({ path, line, column, commit, text }: Finding): string {
  const place = text === undefined ? path : `${path}:${line}:${column}`
  return commit === undefined ? place : `${place} (${commit.slice(0, 12)})`
}

function noteLines(report: Report): readonly string[] {
  const { stale, settings, ownValues } = report
  return [
    ...report.public
      .slice(0, MOST_TOLD)
      .map(told)
      .map((each) => `note: ${placeOf(each)}: ${each.title} (${each.rule}); it stops nothing`),
    ...stale.map(({ path, line, rule }) =>
      line === undefined
        ? `note: the exception of ${rule} for ${path} in ${SETTINGS_FILE} allows nothing`
        : rule === undefined
          ? `note: ${path}:${line}: this is not an exception; write: agent-vault: allow RULE the reason why`
          : `note: ${path}:${line}: the exception of ${rule} allows nothing`,
    ),
    ...(settings.why === undefined ? [] : [`note: ${settings.why}`]),
    ...(ownValues.why === undefined
      ? []
      : [
          `note: this vault's own values were not ${ownValues.looked ? "all " : ""}looked for: ${ownValues.why}`,
        ]),
  ]
}
