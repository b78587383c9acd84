import { FolderFiles, type VaultFiles } from "../disk/files.js"
import type { Place } from "../disk/place.js"
import { encodeRecord } from "../records/record.js"
import { signingKey, verifier } from "../records/signature.js"
import { VaultError } from "../words/errors.js"
import { auditHeadPath, bringBack, classify } from "../words/layout.js"
import { encodeAuditLine, linkDigest } from "./audit-line.js"
import { AuditTail } from "./audit-tail.js"

/**
 * A head of an agent's audit, published in the vault: how far a chain had come, and what its last
 * line was. Signed by a key that comes from the agent's identity; whoever has the file verifies it
 * without a secret.
 */
export interface AuditHead {
  readonly format: 1
  readonly kind: "audit-head"
  readonly vault: string
  readonly path: string
  readonly agent: string
  /** The digest of the chain's first line: its name. */
  readonly chain: string
  readonly seq: number
  /** The digest of the line `seq`. */
  readonly head: string
  /** When it was signed. */
  readonly at: string
  readonly signature: { readonly signer: string; readonly ed25519: string }
}

/** What a head says. */
type HeadFacts = Pick<AuditHead, "vault" | "agent" | "chain" | "seq" | "head" | "at">

/** The signer of the heads of an identity's audit. Throws `KEY_INVALID`. */
export function auditSignerOf(identity: string): string {
  return signingKey(identity, "audit").signer
}

/** Signs a head as an agent, by its identity. Throws `KEY_INVALID`. */
export function signHead(facts: HeadFacts, identity: string): AuditHead {
  const key = signingKey(identity, "audit")
  const { signer } = key
  const unsigned = unsignedHead({ ...facts, signer })
  return { ...unsigned, signature: { signer, ed25519: key.sign(unsigned.kind, unsigned) } }
}

/**
 * The head that lies at `path`, if its signature is its signer's. Who that signer is, it cannot say.
 * Throws `RECORD_INVALID`, `SIGNATURE_INVALID`.
 */
export function decodeHead(path: string, bytes: Uint8Array, vault: string): AuditHead {
  const head = parse(path, bytes)
  const isInPlace = head.vault === vault && head.path === path
  const isItsOwn = auditHeadPath(head.agent, head.chain, head.seq) === path
  if (!isInPlace || !isItsOwn) throw invalid(path, "it was signed for another place")
  if (!Buffer.from(encodeRecord(head)).equals(bytes)) {
    throw invalid(path, "it is not in the one encoding of a record")
  }
  const { signer, ed25519 } = head.signature
  const isSigned = verifier(signer)(head.kind, unsignedHead({ ...head, signer }), ed25519)
  if (isSigned) return head
  throw new VaultError("SIGNATURE_INVALID", `${path} is not what its agent signed`, {
    hint: `somebody changed it; ${bringBack(path)}`,
  })
}

/** The heads in a vault that verify, and the paths of those that do not. */
export function readHeads(
  files: VaultFiles,
  vault: string,
): { readonly heads: readonly AuditHead[]; readonly invalid: readonly VaultError[] } {
  const heads: AuditHead[] = []
  const refused: VaultError[] = []
  for (const path of files.list()) {
    if (classify(path).is !== "audit-head") continue
    try {
      heads.push(decodeHead(path, files.read(path) ?? new Uint8Array(), vault))
    } catch (error) {
      if (!VaultError.is(error)) throw error
      refused.push(error)
    }
  }
  return { heads, invalid: refused }
}

/** How many chains an agent published in the vault at `place` of which `file` is none. */
export function publishedElsewhere(
  { root }: Place,
  vault: string,
  agent: string,
  file: string,
): number {
  const { heads } = readHeads(new FolderFiles(root), vault)
  const chains = new Set(heads.filter((head) => head.agent === agent).map(({ chain }) => chain))
  if (chains.size === 0) return 0
  // Its first line alone: a chain may be larger than the memory.
  const [first] = new AuditTail(file).each()
  if (first !== undefined) chains.delete(linkDigest(encodeAuditLine(first)))
  return chains.size
}

function unsignedHead({
  vault,
  agent,
  chain,
  seq,
  head,
  at,
  signer,
}: HeadFacts & { signer: string }) {
  const path = auditHeadPath(agent, chain, seq)
  const facts = { vault, path, agent, chain, seq, head, at }
  return { format: 1, kind: "audit-head", ...facts, signature: { signer } } as const
}

const DIGEST = /^sha256:[0-9a-f]{64}$/
const FIELDS: { readonly [K in keyof AuditHead]: (value: unknown) => boolean } = {
  format: (value) => value === 1,
  kind: (value) => value === "audit-head",
  vault: isText,
  path: isText,
  agent: isText,
  chain: (value) => DIGEST.test(String(value)),
  seq: (value) => Number.isSafeInteger(value) && Number(value) > 0,
  head: (value) => DIGEST.test(String(value)),
  at: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(String(value)),
  signature: isSignature,
}

function parse(path: string, bytes: Uint8Array): AuditHead {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch (cause) {
    throw invalid(path, "it is not valid JSON", cause)
  }
  if (!isHead(value)) throw invalid(path, "its members are not a head's")
  return value
}

function isHead(value: unknown): value is AuditHead {
  if (typeof value !== "object" || value === null) return false
  const names = Object.keys(FIELDS) as (keyof AuditHead)[]
  const members = value as Record<string, unknown>
  return (
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name) && FIELDS[name](members[name]))
  )
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed()
}

function isSignature(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  const { signer, ed25519, ...rest } = value as Record<string, unknown>
  const isKey = /^ed25519:[A-Za-z0-9_-]{43}$/.test(String(signer))
  return isKey && isText(ed25519) && Object.keys(rest).length === 0
}

function invalid(path: string, why: string, cause?: unknown): VaultError {
  return new VaultError("RECORD_INVALID", `${path} is not a valid head of an audit: ${why}`, {
    hint: `take it out, or ${bringBack(path)}`,
    cause,
  })
}
