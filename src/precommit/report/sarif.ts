import { createHash } from "node:crypto"
import { toJson } from "../../core/guard.js"
import type { Report } from "./request.js"
import { type Told, docsOf, told } from "./titles.js"

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

/** What to do about it. */
const STORE = "store it with agent-vault set GROUP/NAME, and read it from there"
const PUBLIC = "nothing: it is made to be published"

/** GitHub takes no run with more results. */
const MOST_RESULTS = 25_000

/** The report as SARIF 2.1.0, for code scanning (OASIS, sarif-v2.1.0-os). */
export function sarifFor(report: Report, version: string): string {
  const all = [...report.findings, ...report.public]
  const findings = all.slice(0, MOST_RESULTS).map(told)
  const ids = [...new Set(findings.map(({ rule }) => rule))]
  const rules = ids.map((id) => ruleFor(id, findings))
  const seen = new Map<string, number>()
  const results = findings.map((finding) => {
    const place = `${finding.rule}\0${finding.path}`
    const count = (seen.get(place) ?? 0) + 1
    seen.set(place, count)
    return resultFor(finding, ids.indexOf(finding.rule), locationOf(place, count))
  })
  const left = all.length - findings.length
  const more = left === 0 ? [] : [{ level: "warning", message: { text: `and ${left} more` } }]
  const run = {
    tool: { driver: { name: "agent-vault guard", version, rules } },
    invocations: [{ executionSuccessful: true, toolExecutionNotifications: more }],
    results,
    columnKind: "utf16CodeUnits",
  }
  return `${toJson({ $schema: SCHEMA, version: "2.1.0", runs: [run] }, 2)}\n`
}

function ruleFor(id: string, findings: readonly Told[]) {
  const first = findings.find(({ rule }) => rule === id)
  const { title = id, hint, public: isPublic = false } = first ?? {}
  const docs = docsOf(id)
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: title },
    help: { text: hint ?? (isPublic ? PUBLIC : STORE) },
    ...(docs === undefined ? {} : { helpUri: docs }),
    defaultConfiguration: { level: levelOf(first) },
    properties: {
      tags: ["security"],
      "security-severity": isPublic ? "0.0" : "8.0",
    },
  }
}

function resultFor(finding: Told, ruleIndex: number, fingerprint: string) {
  const { rule, title, path, line, column, excerpt, message, commit } = finding
  const text = [title, excerpt, message, commit && `added by ${commit}`].filter(Boolean).join("; ")
  return {
    ruleId: rule,
    ruleIndex,
    level: levelOf(finding),
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: artifact(path),
          region: { startLine: line, startColumn: column },
        },
      },
    ],
    // The one that GitHub goes by. Without it, its uploader computes one from the line and what
    // follows: from the value.
    partialFingerprints: { primaryLocationLineHash: fingerprint },
  }
}

function levelOf(finding?: Told): string {
  return finding?.public === true ? "note" : "error"
}

function artifact(path: string) {
  return { uri: path.split("/").map(encodeURIComponent).join("/"), uriBaseId: "%SRCROOT%" }
}

/** Of the place only: nothing that is computed from a value leaves the guard. */
function locationOf(place: string, count: number): string {
  return createHash("sha256").update(`${place}\0${count}`).digest("hex").slice(0, 32)
}
