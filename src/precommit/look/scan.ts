import { LIMITS, VaultError, vaultPath } from "../../core/guard.js"
import { type ChangedFile, LINK, SUBMODULE, type Version } from "./changes.js"
import type { FindCustom } from "../allow/custom-rules.js"
import { type Comment, allowedByComment, commentsIn } from "../allow/comments.js"
import { type Content, LineIndex, contentOf, offsetsIn, readContent } from "./contents.js"
import { findCredentials } from "../detect/detect.js"
import type { Detection } from "../detect/overlaps.js"
import { findKeyFile } from "../detect/within.js"
import { envValues } from "./env-values.js"
import type { ExplainedText, Explainer } from "./explainer.js"
import { type FindOwn, credentialFinding, customFinding, keyOf, ownFinding } from "./finding-of.js"
import { lookAtName } from "./file-name.js"
import { ENV_FILE, type Finding, type Stale } from "../report/finding.js"
import { LargeFile } from "./large-file.js"
import { mask } from "../report/mask.js"
import type { Repository } from "./repository.js"
import { type Span, apartFrom } from "./spans.js"
import { unseen, wideFindings } from "./wide.js"

/** What looks into a file besides the rules for everybody. */
export interface Finders {
  readonly own?: FindOwn | undefined
  readonly custom?: FindCustom
  /** Writes down what became of each match, if that was asked for. */
  readonly explainer?: Explainer | undefined
}

/** What a file holds. */
export interface Scanned {
  readonly path: string
  readonly findings: readonly Finding[]
  /** Those of them that are in its name. */
  readonly inName?: readonly Finding[]
  /** Findings that a comment beside them allows. */
  readonly allowed: readonly Finding[]
  readonly stale: readonly Stale[]
  /** Its size if it is too large for more than private keys and own values. */
  readonly large?: number
}

/** A whole LFS pointer, and nothing else: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const LFS_POINTER =
  /^version https:\/\/git-lfs\.github\.com\/spec\/v1\n(?:ext-\d-\w+ sha256:[0-9a-f]{64}\n)*oid sha256:[0-9a-f]{64}\nsize \d+\n$/

/** Looks at a change of the repository. Leaves out what earlier versions already held. */
export async function scanChange(
  repository: Repository,
  change: ChangedFile,
  finders: Finders,
): Promise<Scanned & { readonly known: readonly Finding[] }> {
  const nothing = { path: change.path, findings: [], allowed: [], stale: [], known: [] }
  if (change.mode === undefined || change.mode === SUBMODULE) return nothing
  const isLink = change.mode === LINK
  const scanned = await scanVersion(repository, change, isLink, finders)
  if (scanned.missing) throw missing(scanned)
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
  } = named(judge(path, contentOf(bytes), false, finders), finders)
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
  const pieces = new LargeFile(path, finders.own)
  const content = await readContent(repository.blobs, id, (piece, at) => pieces.look(piece, at))
  if (content.is !== "large") return named(judge(path, content, isLink, finders), finders)
  const { findings } = pieces
  const isExpected = vaultPath(path) !== undefined && content.size <= LIMITS.sealed
  const large = isExpected ? {} : { large: content.size }
  const judged = {
    path,
    findings,
    every: findings,
    allowed: [],
    stale: [],
    missing: false,
    ...large,
  }
  return named(judged, finders)
}

/** With what stands in the file's name, which is shown nowhere any more. */
function named(judged: Judged, { own }: Finders): Judged {
  const { shown, findings } = lookAtName(judged.path, own)
  if (findings.length === 0) return judged
  const renamed = (finding: Finding): Finding => ({ ...finding, path: shown })
  return {
    ...judged,
    path: shown,
    inName: findings,
    every: [...findings, ...judged.every.map(renamed)],
    findings: [...findings, ...judged.findings.map(renamed)],
    stale: judged.stale.map((each) => ({ ...each, path: shown })),
  }
}

function judge(path: string, content: Content, isLink: boolean, finders: Finders): Judged {
  const nothing = { path, findings: [], every: [], allowed: [], stale: [] }
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
  const lines = new LineIndex(text)
  const hits = credentialsIn(raw, { path, text, lines, onlyKeys, own, custom }, isLink, finders)
  const seen = [
    ...own.map((hit) => ownFinding(path, text.slice(hit.start, hit.end), hit, lines)),
    ...custom.map((hit) => customFinding(path, text, hit, lines)),
    ...hits.map((hit) => credentialFinding(path, text, hit, lines)),
    ...(isLink || onlyKeys
      ? []
      : envFindings(path, text, { others: [...own, ...hits], custom }, lines)),
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
    allowed: [...allowed],
    stale: stale.map((comment: Comment) => ({ path, line: comment.line, rule: comment.rule })),
    missing: false,
  }
}

/** A rule of the repository may say more of a text, but takes none from the rules for everybody. */
function credentialsIn(
  raw: Buffer,
  looked: ExplainedText,
  isLink: boolean,
  { explainer }: Finders,
): Detection[] {
  const { path, text, onlyKeys, own, custom } = looked
  const origin = isLink ? { onlyKeys } : { path, onlyKeys }
  const found = findKeyFile(raw) ?? findCredentials(text, origin, explainer?.listen(looked))
  explainer?.compare(found, looked)
  return found.filter(apartFrom(own)).filter(unlike(custom))
}

/** In a vault only what people write can hold a credential in its text. */
function isCiphertextOrRecord(path: string): boolean {
  const inside = vaultPath(path)
  return inside !== undefined && /\.(?:json|age)$/.test(inside.path)
}

function envFindings(
  path: string,
  text: string,
  { others, custom }: { readonly others: readonly Span[]; readonly custom: readonly Span[] },
  lines: LineIndex,
): readonly Finding[] {
  return envValues(path, text)
    .filter(apartFrom(others))
    .filter(unlike(custom))
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

/** Picks what is the same piece of a text as none of `others`. */
function unlike(others: readonly Span[]): (span: Span) => boolean {
  const same = new Set(others.map(({ start, end }) => `${start} ${end}`))
  return ({ start, end }) => !same.has(`${start} ${end}`)
}

function missing({ path }: Scanned): VaultError {
  return new VaultError("GIT_FAILED", `git has no content for ${path}`, {
    hint: "look at the repository with: git fsck",
  })
}
