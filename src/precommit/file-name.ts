import { offsetsIn } from "./contents.js"
import { findCredentials } from "./detect.js"
import { type FindOwn, credentialFinding, ownFinding } from "./finding-of.js"
import type { Finding } from "./finding.js"
import { apartFrom } from "./spans.js"

/** What the name of a file gives away, and the name without it: a report shows no other. */
export interface FileName {
  readonly shown: string
  readonly findings: readonly Finding[]
}

/** Looks at the path of a file as at any text. */
export function lookAtName(path: string, findOwn: FindOwn | undefined): FileName {
  const bytes = Buffer.from(path)
  const offsetOf = offsetsIn(bytes)
  const own = (findOwn?.(bytes) ?? []).map((hit) => ({
    ...hit,
    start: offsetOf(hit.start),
    end: offsetOf(hit.end),
  }))
  const hits = findCredentials(path).filter(apartFrom(own))
  if (own.length + hits.length === 0) return { shown: path, findings: [] }
  const findings = [
    ...own.map((hit) => ownFinding(path, path.slice(hit.start, hit.end), hit, WHOLE)),
    ...hits.map((hit) => credentialFinding(path, path, hit, WHOLE)),
  ]
  const shown = withoutFound(path, findings)
  return {
    shown,
    findings: findings.map((finding) => ({
      ...finding,
      path: shown,
      title: `${finding.title}, in the name of the file`,
    })),
  }
}

/** A text without what was found in names of files. */
export function withoutFound(text: string, findings: readonly Finding[]): string {
  return findings.reduce(
    (rest, found) => rest.replaceAll(found.text ?? "", () => found.excerpt ?? ""),
    text,
  )
}

const WHOLE = { at: () => ({ line: 1, column: 1 }) }
