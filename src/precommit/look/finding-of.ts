import type { LineIndex } from "./contents.js"
import type { CustomHit } from "../allow/custom-rules.js"
import type { Detection as Hit } from "../detect/overlaps.js"
import { type Finding, OWN_VALUE } from "../report/finding.js"
import { mask } from "../report/mask.js"

// A match knows its place in a text. Here it becomes a finding, with what tells it from others.

/** Finds this vault's own values in bytes: which secret's, and where. */
export type FindOwn = (bytes: Uint8Array) => readonly OwnHit[]
export interface OwnHit {
  readonly secret: string
  readonly start: number
  readonly end: number
  /** The folder of its vault, where that is not the one around the folder in which the guard starts. */
  readonly folder?: string | undefined
}

/** A finding, and the offset at which it begins in the text that was looked at. */
export interface PlacedFinding {
  readonly start: number
  readonly finding: Finding
}

export function credentialFinding(
  path: string,
  text: string,
  { rule, start, end, kind }: Hit,
  lines: Pick<LineIndex, "at">,
): Finding {
  const found = text.slice(start, end)
  return {
    rule,
    path,
    ...lines.at(start),
    excerpt: mask(found),
    text: found,
    ...(kind === "encrypted-key" ? { encrypted: true } : {}),
    ...(kind === "public" ? { public: true } : {}),
  }
}

export function customFinding(
  path: string,
  text: string,
  { rule: { id, title }, start, end }: CustomHit,
  lines: Pick<LineIndex, "at">,
): Finding {
  const found = text.slice(start, end)
  return { rule: id, title, path, ...lines.at(start), excerpt: mask(found), text: found }
}

export function ownFinding(
  path: string,
  text: string,
  { secret, start, folder }: OwnHit,
  lines: Pick<LineIndex, "at">,
): Finding {
  const there = folder === undefined ? "" : `, in ${folder}`
  return {
    rule: OWN_VALUE,
    title: `the value of ${secret} in ${folder === undefined ? "this vault" : `the vault of ${folder}`}`,
    path,
    ...lines.at(start),
    // Nothing of a value of the vault is shown, not even how it begins.
    excerpt: `(${text.length} characters)`,
    text,
    secret,
    ...(folder === undefined ? {} : { vault: folder }),
    hint: `read it where it is needed${there}: agent-vault get ${secret}`,
  }
}

/** What makes two findings the same, wherever in a file they stand. */
export function keyOf({ rule, text, path, line }: Finding): string {
  return text === undefined ? `${rule} ${path} ${line}` : `${rule}\0${text}`
}

/** Keeps one finding for each text of a file, however many commits of a range add it. */
export function firstOfEach(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>()
  return findings.filter(({ path, rule, text, line, column, commit }) => {
    const key = [path, rule, text, ...(commit === undefined ? [line, column] : [])].join("\0")
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
