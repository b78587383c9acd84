import { toJson } from "../../core/guard.js"
import { fingerprintOf } from "./fingerprint.js"
import { OWN_VALUE, type Finding, type Stale } from "../report/finding.js"
import { isPattern, matchesGlob } from "./glob.js"
import type { Exception } from "./settings.js"

/** How many different texts are digested, besides one for each entry. */
const MOST_TEXTS = 200

/** What the exceptions of a file leave of findings. */
interface ExceptedFindings {
  readonly findings: readonly Finding[]
  readonly allowed: number
  readonly stale: readonly Stale[]
}

/**
 * Takes out the findings that are allowed. `known` were there before, and show that an entry is in
 * use. `looked` are the files that the guard looked at. If those are `all`, an entry that allows
 * nothing is stale. So is an entry for one file among them. An entry with a pattern may match other
 * files.
 */
export async function applyExceptions(
  exceptions: readonly Exception[],
  findings: readonly Finding[],
  known: readonly Finding[],
  looked: { readonly paths: ReadonlySet<string>; readonly all: boolean },
): Promise<ExceptedFindings> {
  const used = new Set<Exception>()
  const meaning = new ExceptionMatcher(exceptions)
  const isAllowed = async (finding: Finding): Promise<boolean> => {
    const meant = await meaning.exceptionsFor(finding)
    for (const exception of meant) used.add(exception)
    return meant.length > 0
  }
  const [allowed] = await Promise.all([
    Promise.all(findings.map(isAllowed)),
    Promise.all(known.map(isAllowed)),
  ])
  const stale = exceptions.filter(
    (each) =>
      !used.has(each) && (looked.all || (!isPattern(each.path) && looked.paths.has(each.path))),
  )
  return {
    findings: findings.filter((_finding, index) => allowed[index] !== true),
    allowed: allowed.filter(Boolean).length,
    stale: stale.map(({ path, rule }) => ({ path, rule })),
  }
}

/** Tells which exceptions mean a finding. Each path is matched once, each text is digested once. */
class ExceptionMatcher {
  readonly #exceptions: readonly Exception[]
  readonly #places = new Map<string, readonly Exception[]>()
  readonly #fingerprints = new Map<string, Promise<string>>()

  constructor(exceptions: readonly Exception[]) {
    this.#exceptions = exceptions
  }

  async exceptionsFor({ rule, path, text }: Finding): Promise<readonly Exception[]> {
    // The digest in an entry could give away a vault's value, so such a finding has no entries.
    if (rule === OWN_VALUE || text === undefined) return []
    const candidates = this.#candidates(rule, path)
    if (candidates.length === 0) return []
    const fingerprint = await this.#fingerprint(rule, text)
    return candidates.filter((exception) => exception.fingerprint === fingerprint)
  }

  #candidates(rule: string, path: string): readonly Exception[] {
    const place = `${rule} ${path}`
    const known = this.#places.get(place)
    if (known !== undefined) return known
    const candidates = this.#exceptions.filter(
      (exception) => exception.rule === rule && matchesGlob(exception.path, path),
    )
    this.#places.set(place, candidates)
    return candidates
  }

  #fingerprint(rule: string, text: string): Promise<string> | undefined {
    const key = `${rule} ${text}`
    const known = this.#fingerprints.get(key)
    // A digest is slow on purpose. What is beyond the limit stays a finding.
    if (known !== undefined || this.#fingerprints.size >= MOST_TEXTS + this.#exceptions.length) {
      return known
    }
    const made = fingerprintOf(rule, text)
    this.#fingerprints.set(key, made)
    return made
  }
}

/**
 * The entries that would allow these findings, as YAML to look at and to paste; with what a new
 * file begins with, if it is the first one. Empty where none can have an entry.
 */
export async function entriesFor(findings: readonly Finding[], isFirst: boolean): Promise<string> {
  const allowable = findings.filter(({ text, rule }) => text !== undefined && rule !== OWN_VALUE)
  const entries = await Promise.all(
    allowable.map(async ({ path, rule, text = "" }) =>
      [
        `  - path: ${toJson(path)}`,
        `    rule: ${rule}`,
        `    fingerprint: "${await fingerprintOf(rule, text)}"`,
        "    reason: ",
        "",
      ].join("\n"),
    ),
  )
  if (entries.length === 0) return ""
  return [...(isFirst ? ["version: 1", "allow:"] : []), ...new Set(entries)].join("\n")
}
