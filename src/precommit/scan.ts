import { SEALED_LIMIT, VaultError, vaultPath } from "../core/guard.js"
import { type Change, LINK, SUBMODULE, type Version } from "./changes.js"
import type { CustomHit, FindCustom } from "./custom-rules.js"
import { type Comment, allowedByComment, commentsIn } from "./comments.js"
import { type Content, Lines, contentOf, readContent, withoutNuls } from "./contents.js"
import { findCredentials, type Finding as Hit } from "./detect.js"
import { envValues } from "./env-file.js"
import { ENV_FILE, type Finding, OWN_VALUE, type Stale } from "./finding.js"
import { mask } from "./mask.js"
import type { Repository } from "./repository.js"
import { type Span, Spans } from "./spans.js"

/** Finds this vault's own values in bytes: which secret's, and where. */
export type FindOwn = (bytes: Uint8Array) => readonly OwnHit[]
export interface OwnHit {
  readonly secret: string
  readonly start: number
  readonly end: number
}

/** What looks into a file besides the rules for everybody. */
export interface Finders {
  readonly own?: FindOwn | undefined
  readonly custom?: FindCustom
}

/** What a file holds. */
export interface Scanned {
  readonly path: string
  readonly findings: readonly Finding[]
  /** Findings that a comment beside them allows. */
  readonly allowed: number
  readonly stale: readonly Stale[]
  /** Its size if it is too large for more than private keys and own values. */
  readonly large?: number
}

/** A whole LFS pointer, and nothing else: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const LFS_POINTER =
  /^version https:\/\/git-lfs\.github\.com\/spec\/v1\n(?:ext-\d-\w+ sha256:[0-9a-f]{64}\n)*oid sha256:[0-9a-f]{64}\nsize \d+\n$/

/** Looks at a change of the repository; what was in the versions before it is not told again. */
export async function scanChange(
  repository: Repository,
  change: Change,
  finders: Finders,
): Promise<Scanned & { readonly known: readonly Finding[] }> {
  const nothing = { path: change.path, findings: [], allowed: 0, stale: [], known: [] }
  if (change.mode === undefined || change.mode === SUBMODULE) return nothing
  const isLink = change.mode === LINK
  const scanned = await scanVersion(repository, change, isLink, finders)
  if (scanned.missing) throw missing(change)
  if (scanned.findings.length === 0 || change.before.length === 0) return { ...scanned, known: [] }
  const before = await Promise.all(
    change.before.map((version) => scanVersion(repository, version, isLink, finders)),
  )
  const old = new Set(before.flatMap(({ every }) => every.map(keyOf)))
  const isKnown = (finding: Finding): boolean => old.has(keyOf(finding))
  return {
    ...scanned,
    findings: scanned.findings.filter((finding) => !isKnown(finding)),
    known: scanned.findings.filter(isKnown),
  }
}

/** Looks at a text, or a file of the work tree. */
export function scanBytes(path: string, bytes: Buffer, finders: Finders): Scanned {
  const {
    every: _every,
    missing: _missing,
    ...scanned
  } = judge(path, contentOf(bytes), false, finders)
  return scanned
}

interface Judged extends Scanned {
  /** The allowed ones too. */
  readonly every: readonly Finding[]
  readonly missing: boolean
}

async function scanVersion(
  repository: Repository,
  { path, id }: Version,
  isLink: boolean,
  finders: Finders,
): Promise<Judged> {
  const pieces = new Pieces(path, finders.own)
  const content = await readContent(repository.blobs, id, (piece, at) => pieces.look(piece, at))
  if (content.is !== "large") return judge(path, content, isLink, finders)
  const { findings } = pieces
  const isExpected = vaultPath(path) !== undefined && content.size <= SEALED_LIMIT
  const large = isExpected ? {} : { large: content.size }
  return { path, findings, every: findings, allowed: 0, stale: [], missing: false, ...large }
}

function judge(path: string, content: Content, isLink: boolean, finders: Finders): Judged {
  const nothing = { path, findings: [], every: [], allowed: 0, stale: [] }
  if (content.is === "missing" || content.is === "large") return { ...nothing, missing: true }
  const { raw, bytes, text } = content
  if (LFS_POINTER.test(text)) return { ...nothing, missing: false }

  const onlyKeys = content.is === "binary" || isCiphertextOrRecord(path)
  const offsetOf = content.is === "binary" ? (at: number) => at : offsetsIn(bytes)
  const own = (finders.own?.(bytes) ?? []).map((hit) => ({
    ...hit,
    start: offsetOf(hit.start),
    end: offsetOf(hit.end),
  }))
  const custom = onlyKeys ? [] : (finders.custom?.(text, path) ?? []).filter(apartFrom(own))
  // A rule of the repository may say more of a text, but takes none from the rules for everybody.
  const hits = findCredentials(text, isLink ? { onlyKeys } : { path, onlyKeys })
    .filter(apartFrom(own))
    .filter(unlike(custom))
  const lines = new Lines(text)
  const seen = [
    ...own.map((hit) => ownFinding(path, text.slice(hit.start, hit.end), hit, lines)),
    ...custom.map((hit) => customFinding(path, text, hit, lines)),
    ...hits.map((hit) => credentialFinding(path, text, hit, lines)),
    ...(isLink || onlyKeys ? [] : envFindings(path, text, [...own, ...custom, ...hits], lines)),
  ]
  const every = [...seen, ...unseen(seen, wideFindings(path, raw, finders.own))].sort(
    (a, b) => a.line - b.line || a.column - b.column,
  )

  const comments = onlyKeys ? [] : commentsIn(text)
  const { allowed, stale } = allowedByComment(every, comments)
  return {
    path,
    every,
    findings: every.filter((finding) => !allowed.has(finding)),
    allowed: allowed.size,
    stale: stale.map((comment: Comment) => ({ path, line: comment.line, rule: comment.rule })),
    missing: false,
  }
}

/** In a vault only what people write can hold a credential in its text. */
function isCiphertextOrRecord(path: string): boolean {
  const inside = vaultPath(path)
  return inside !== undefined && /\.(?:json|age)$/.test(inside.path)
}

function credentialFinding(
  path: string,
  text: string,
  { rule, start, end, kind }: Hit,
  lines: Lines,
): Finding {
  const found = text.slice(start, end)
  return {
    rule,
    path,
    ...lines.at(start),
    excerpt: mask(found),
    text: found,
    ...(kind === "encrypted-key" ? { encrypted: true } : {}),
  }
}

function customFinding(
  path: string,
  text: string,
  { rule: { id, title }, start, end }: CustomHit,
  lines: Lines,
): Finding {
  const found = text.slice(start, end)
  return { rule: id, title, path, ...lines.at(start), excerpt: mask(found), text: found }
}

function ownFinding(
  path: string,
  text: string,
  { secret, start }: OwnHit,
  lines: Pick<Lines, "at">,
): Finding {
  return {
    rule: OWN_VALUE,
    title: `the value of ${secret} in this vault`,
    path,
    ...lines.at(start),
    // Nothing of a value of the vault is shown, not even how it begins.
    excerpt: `(${text.length} characters)`,
    text,
    secret,
    hint: `read it where it is needed: agent-vault get ${secret}`,
  }
}

function envFindings(
  path: string,
  text: string,
  others: readonly Span[],
  lines: Lines,
): readonly Finding[] {
  return envValues(path, text)
    .filter(apartFrom(others))
    .map(({ start, end }) => ({
      rule: ENV_FILE,
      title: "a value in an env file",
      path,
      ...lines.at(start),
      excerpt: mask(text.slice(start, end)),
      text: text.slice(start, end),
      hint: "keep the file out of Git, or write av://GROUP/NAME in it and start the program with: agent-vault run",
    }))
}

/** Private keys and own values in a text of more bytes a character, in whatever it is embedded. */
function wideFindings(path: string, raw: Buffer, findOwn: FindOwn | undefined): Finding[] {
  if (!raw.includes(0)) return []
  const bytes = withoutNuls(raw)
  const text = bytes.toString("latin1")
  const lines = new Lines(text)
  const own = findOwn?.(bytes) ?? []
  return [
    ...own.map((hit) => ownFinding(path, text.slice(hit.start, hit.end), hit, lines)),
    ...findCredentials(text, { onlyKeys: true })
      .filter(apartFrom(own))
      .map((hit) => credentialFinding(path, text, hit, lines)),
  ]
}

/** Those of `others` that are not among `findings`. */
function unseen(findings: readonly Finding[], others: readonly Finding[]): readonly Finding[] {
  if (others.length === 0) return []
  const keys = new Set(findings.map(keyOf))
  return others.filter((other) => !keys.has(keyOf(other)))
}

/** Private keys and own values in a file that is too large to be held as a whole. */
class Pieces {
  readonly #path: string
  readonly #findOwn: FindOwn | undefined
  readonly #found = new Map<string, Finding>()
  #lines = 0
  #counted = 0

  constructor(path: string, findOwn: FindOwn | undefined) {
    this.#path = path
    this.#findOwn = findOwn
  }

  look(piece: Buffer, at: number): void {
    // Pieces overlap: what lies before this one is counted once.
    this.#lines += countLines(piece.subarray(0, Math.max(0, this.#counted - at)), -1)
    const text = piece.toString("latin1")
    const lines = new Lines(text)
    const first = this.#lines
    const place = {
      at: (offset: number) => {
        const { line, column } = lines.at(offset)
        return { line: line + first, column }
      },
    }
    for (const hit of findCredentials(text, { onlyKeys: true })) {
      const finding = { ...credentialFinding(this.#path, text, hit, lines), ...place.at(hit.start) }
      this.#add(at + hit.start, finding)
    }
    for (const hit of this.#findOwn?.(piece) ?? []) {
      this.#add(at + hit.start, ownFinding(this.#path, text.slice(hit.start, hit.end), hit, place))
    }
    const seen = [...this.#found.values()]
    for (const finding of unseen(seen, wideFindings(this.#path, piece, this.#findOwn))) {
      this.#found.set(`wide ${keyOf(finding)}`, { ...finding, line: finding.line + first })
    }
    this.#lines += countLines(piece, 1)
    this.#counted = at + piece.length
  }

  get findings(): readonly Finding[] {
    return [...this.#found.values()]
  }

  #add(at: number, finding: Finding): void {
    this.#found.set(`${at} ${finding.rule}`, finding)
  }
}

function countLines(bytes: Uint8Array, sign: 1 | -1): number {
  let count = 0
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count += sign
  return count
}

function keyOf({ rule, text, path, line }: Finding): string {
  return text === undefined ? `${rule} ${path} ${line}` : `${rule}\0${text}`
}

/** Picks what overlaps none of `others`. */
function apartFrom(others: readonly Span[]): (span: Span) => boolean {
  const spans = new Spans(others)
  return (span) => !spans.meet(span)
}

/** Picks what is the same piece of a text as none of `others`. */
function unlike(others: readonly Span[]): (span: Span) => boolean {
  const same = new Set(others.map(({ start, end }) => `${start} ${end}`))
  return ({ start, end }) => !same.has(`${start} ${end}`)
}

/** From an offset in bytes to one in UTF-16 code units; quick where they are asked for in order. */
function offsetsIn(bytes: Buffer): (at: number) => number {
  let [byte, unit] = [0, 0]
  return (at) => {
    unit =
      at < byte
        ? bytes.toString("utf8", 0, at).length
        : unit + bytes.toString("utf8", byte, at).length
    byte = at
    return unit
  }
}

function missing({ path }: Change): VaultError {
  return new VaultError("GIT_FAILED", `git has no content for ${path}`, {
    hint: "look at the repository with: git fsck",
  })
}
