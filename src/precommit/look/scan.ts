import { LIMITS, VaultError } from "../../core/guard.js"
import { type ChangedFile, LINK, SUBMODULE, type Version } from "./changes.js"
import { type Comment, allowedByComment, commentsIn } from "../allow/comments.js"
import { type Decoded, LineIndex, contentOf, readContent } from "./contents.js"
import { lookAtName } from "./file-name.js"
import { keyOf } from "./finding-of.js"
import { type Finders, type LookedAt, findingsIn, isOnlyForKeys } from "./findings-in.js"
import type { Finding, Stale } from "../report/finding.js"
import { LargeFile } from "./large-file.js"
import type { Repository } from "./repository.js"
import { unseen, wideFindings } from "./wide.js"

/** What a file holds. */
export interface Scanned {
  readonly path: string
  readonly findings: readonly Finding[]
  /** Those of them that are in its name. */
  readonly inName?: readonly Finding[]
  /** Findings that a comment beside them allows. */
  readonly allowed: readonly Finding[]
  readonly stale: readonly Stale[]
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
  const file = { path, isLink: false, finders }
  const { every: _every, missing: _missing, ...scanned } = named(judgeBytes(file, bytes), finders)
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
  const file = { path, isLink, finders }
  const pieces = new LargeFile(file)
  const content = await readContent(repository.blobs, id, (piece) => pieces.look(piece))
  return named(content.is === "large" ? judgePieces(file, pieces) : judge(file, content), finders)
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

/** In pieces what is large, as from Git. */
function judgeBytes(file: LookedAt, bytes: Buffer): Judged {
  if (bytes.length <= LIMITS.guardWhole) return judge(file, contentOf(bytes))
  const pieces = new LargeFile(file)
  for (let at = 0; at < bytes.length; at += LIMITS.guardPiece) {
    pieces.look(bytes.subarray(at, at + LIMITS.guardPiece))
  }
  return judgePieces(file, pieces)
}

function judgePieces({ path }: LookedAt, pieces: LargeFile): Judged {
  const { every, comments } = pieces.end()
  return judgeFindings(path, every, comments)
}

function judge(file: LookedAt, content: Decoded | { readonly is: "missing" }): Judged {
  const { path } = file
  const nothing = { path, findings: [], every: [], allowed: [], stale: [] }
  if (content.is === "missing") return { ...nothing, missing: true }
  const { raw, text } = content
  if (LFS_POINTER.test(text)) return { ...nothing, missing: false }

  const seen = findingsIn(content, file, new LineIndex(text)).map(({ finding }) => finding)
  const every = [...seen, ...unseen(seen, wideFindings(file, raw))]
  return judgeFindings(path, every, isOnlyForKeys(content, path) ? [] : commentsIn(text))
}

function judgeFindings(
  path: string,
  findings: readonly Finding[],
  comments: readonly Comment[],
): Judged {
  const every = findings.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const { allowed, stale } = allowedByComment(every, comments)
  return {
    path,
    every,
    findings: every.filter((finding) => !allowed.has(finding)),
    allowed: [...allowed],
    stale: stale.map((comment) => ({ path, line: comment.line, rule: comment.rule })),
    missing: false,
  }
}

function missing({ path }: Scanned): VaultError {
  return new VaultError("GIT_FAILED", `git has no content for ${path}`, {
    hint: "look at the repository with: git fsck",
  })
}
