import { offsetsIn } from "./contents.js"
import { findCredentials } from "../detect/detect.js"
import { type FindOwn, credentialFinding, ownFinding } from "./finding-of.js"
import type { Finding } from "../report/finding.js"
import { type Span, apartFrom } from "./spans.js"

/** What the name of a file gives away, and the name without it: a report shows no other. */
interface FileName {
  readonly shown: string
  readonly findings: readonly Finding[]
}

/** What any secret has: letters and digits in a row, or the name that it is given to. */
const TELLING = /[A-Za-z0-9+=_-]{16}|=/

/** Looks at the path of a file as at any text. */
export function lookAtName(path: string, findOwn: FindOwn | undefined): FileName {
  const bytes = Buffer.from(path)
  const offsetOf = offsetsIn(bytes)
  const own = (findOwn?.(bytes) ?? []).map((hit) => ({
    ...hit,
    start: offsetOf(hit.start),
    end: offsetOf(hit.end),
  }))
  // Most names are too short, and asking takes longer than looking at a small file.
  const hits = TELLING.test(path) ? findCredentials(path).filter(apartFrom(own)) : []
  if (own.length + hits.length === 0) return { shown: path, findings: [] }
  const found = [
    ...own.map((hit) => ({
      ...hit,
      finding: ownFinding(path, path.slice(hit.start, hit.end), hit, WHOLE),
    })),
    ...hits.map((hit) => ({ ...hit, finding: credentialFinding(path, path, hit, WHOLE) })),
  ]
  const shown = withoutSpans(path, found)
  return {
    shown,
    findings: found.map(({ finding }) => ({ ...finding, path: shown, inName: true })),
  }
}

/** A path with what may be shown in the place of what was found. */
function withoutSpans(
  path: string,
  found: readonly (Span & { readonly finding: Finding })[],
): string {
  let [shown, last] = ["", 0]
  for (const { start, end, finding } of found.toSorted((a, b) => a.start - b.start)) {
    shown += `${path.slice(last, start)}${finding.excerpt ?? ""}`
    last = Math.max(last, end)
  }
  return shown + path.slice(last)
}

/** A text without what was found in names of files. */
export function withoutFound(text: string, findings: readonly Finding[]): string {
  return findings.reduce(
    (rest, { text: found, excerpt = "" }) => (found ? rest.replaceAll(found, () => excerpt) : rest),
    text,
  )
}

const WHOLE = { at: () => ({ line: 1, column: 1 }) }
