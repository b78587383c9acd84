import { hash } from "node:crypto"
import { type ServedValue, type Use, type UsePlace, VaultError, ruleOf } from "../../core/index.js"
import { isDigest } from "../coding/digest-header.js"
import { type RequestHead, rawPathOf } from "../placing/request-head.js"
import { type HmacRequest, headersIn, hmacNeeds, hmacOf } from "../sign/hmac.js"
import { inSession, signerOf } from "../sign/in-session.js"
import { chunksSignedAnew } from "../sign/sigv4-chunks.js"
import {
  type SigV4Proof,
  isOverBody,
  isOverChunks,
  needsBodyDigest,
  proveSigV4,
  readSigV4,
  signSigV4,
  signingKey,
} from "../sign/sigv4.js"
import { type SignedRequest, valuesOf } from "../sign/signed-request.js"
import type { Arrival } from "./arrival.js"
import { pairsOf } from "./framing.js"
import { type GrantTerms, type Granted, grantsAt, sendingAt } from "./granted.js"
import type { OutgoingBody } from "./outgoing-body.js"

/** A signature that a program made with a placeholder. */
export interface SignedPlacement extends Granted {
  /** Signs a request as it leaves by the value, in place of what the program signed. */
  readonly sign: (request: HmacRequest, read: ServedValue) => SignedLeaving
}

/** A request with a signature by the value. */
export interface SignedLeaving {
  readonly request: SignedRequest
  /** The signature, where it makes a URL good for whoever has it: "presigned". */
  readonly inQuery?: string | undefined
  /** Signs its body on the way, where the signature is over parts of it that are still to come. */
  readonly signBody?: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

/**
 * Finds the signature of AWS that was made with a placeholder, and proves that. One that is not in
 * the name of a rule's access key passes as it is.
 * Throws `PLACEHOLDER_REFUSED` for one that is, and that no placeholder made; and for one of a
 * placeholder whose secret may not go there, or not any more, why.
 */
export async function findSigV4(
  arrival: Arrival,
  body: OutgoingBody,
  terms: GrantTerms,
): Promise<readonly SignedPlacement[]> {
  const request = signable(arrival.head)
  const signed = `${request.query} ${valuesOf(request, "authorization").join()}`
  if (!/AWS|X-Amz-/i.test(signed)) return []
  const sigV4 = readSigV4(request)
  if (sigV4 === undefined) return []
  const at = sigV4.in === "query" ? "query:X-Amz-Signature" : "header:authorization"
  const isMeant = (rule: Granted["rule"]): boolean =>
    rule.scheme === "sigv4" && signerOf(rule) === sigV4.accessKey
  const grants = grantsAt(arrival, at, terms, isMeant)
  const others = grants.length === 0 ? signersWithoutGrant(terms, isMeant) : []
  if (grants.length + others.length === 0) return []
  const whole = needsBodyDigest(sigV4, request)
    ? { ...request, bodyDigest: hash("sha256", await body.asItCame()) }
    : request
  const made = others.find((secret) => proveSigV4(sigV4, whole, placeholderOf(secret, terms)))
  if (made !== undefined) ruleOf(terms.bound, made, sendingAt(arrival, at), isMeant)
  if (grants.length === 0) return []
  for (const granted of grants) {
    const placeholder = placeholderOf(granted.name.full, terms)
    const proof = proveSigV4(sigV4, whole, placeholder)
    if (proof === undefined) continue
    await settle(body, isOverBody(proof), sigV4.signedHeaders)
    const sign: SignedPlacement["sign"] = (leaving, read) =>
      byValue(proof, leaving, { read, rule: granted.rule, placeholder })
    return [{ ...granted, sign }]
  }
  throw unproven(grants)
}

/** Secrets that would sign so, or did before they were refused, and that no rule lets go there. */
function signersWithoutGrant(
  { bound, placeholders }: GrantTerms,
  isMeant: (rule: Use) => boolean,
): readonly string[] {
  return [...bound].flatMap(([secret, { uses, refusal }]) => {
    const mayHave = refusal !== undefined || uses.some(isMeant)
    return mayHave && placeholders.of(secret) !== undefined ? [secret] : []
  })
}

/** What signs a request anew, and what the program signed it with. */
interface Signing {
  readonly read: ServedValue
  readonly rule: Use
  readonly placeholder: string
}

function byValue(
  proven: SigV4Proof,
  arrived: SignedRequest,
  { read: { name, value, keys }, rule, placeholder }: Signing,
): SignedLeaving {
  if (keys === undefined && rule.user === undefined) throw nobodysKey(name.full)
  const { request: leaving, proof } = keys
    ? inSession(proven, arrived, keys)
    : { request: arrived, proof: proven }
  const { secret } = keys ?? { secret: value }
  const { request, signature } = signSigV4(proof, leaving, secret)
  const { sigV4 } = proof
  if (!isOverChunks(proof)) {
    return { request, inQuery: sigV4.in === "query" ? signature : undefined }
  }
  const from = { key: signingKey(placeholder, sigV4.scope), signature: sigV4.signature }
  const to = { key: signingKey(secret, sigV4.scope), signature }
  return { request, signBody: (body) => chunksSignedAnew(body, sigV4, from, to) }
}

/**
 * Finds the signatures that rules describe by a template, and that were made with placeholders.
 * Throws `PLACEHOLDER_REFUSED` for one that is there, and that no placeholder made.
 */
export async function findHmac(
  arrival: Arrival,
  body: OutgoingBody,
  terms: GrantTerms,
): Promise<readonly SignedPlacement[]> {
  const request = signable(arrival.head)
  const bound = [...terms.bound.values()].flatMap(({ uses }) => uses)
  const signing = bound.filter(({ scheme }) => scheme === "hmac-sha256")
  const found: SignedPlacement[] = []
  for (const at of new Set(signing.flatMap((rule) => rule.at))) {
    if (signatureAt(request, at) === undefined) continue
    const grants = grantsAt(arrival, at, terms, ({ scheme }) => scheme === "hmac-sha256")
    if (grants.length === 0) continue
    const proven = await provenHmac(request, grants, body, terms)
    if (proven === undefined) throw unproven(grants)
    found.push(proven)
  }
  return found
}

async function provenHmac(
  request: SignedRequest,
  grants: readonly Granted[],
  body: OutgoingBody,
  terms: GrantTerms,
): Promise<SignedPlacement | undefined> {
  for (const granted of grants) {
    const { template = "", encoding = "hex" } = granted.rule
    const { at } = granted.sending
    const how = { template, encoding, at }
    const whole =
      hmacNeeds(template) === "nothing" ? request : withBody(request, await body.asItCame())
    const made = hmacOf(how, whole, placeholderOf(granted.name.full, terms))
    if (made !== signatureAt(request, at)) continue
    await settle(body, hmacNeeds(template) !== "nothing", headersIn(template))
    const sign: SignedPlacement["sign"] = (leaving, { value }) => {
      const signature = hmacOf(how, leaving, value)
      const inQuery = at.startsWith("query:") ? signature : undefined
      return { request: withSignature(leaving, at, signature), inQuery }
    }
    return { ...granted, sign }
  }
  return undefined
}

/** A request, as signatures are made over it. */
export function signable(head: RequestHead, body?: Uint8Array): HmacRequest {
  const path = rawPathOf(head)
  const query = head.target.slice(path.length + 1)
  const request = { method: head.method, path, query, headers: pairsOf(head.rawHeaders) }
  return body === undefined ? request : withBody(request, body)
}

function withBody(request: SignedRequest, body: Uint8Array): HmacRequest {
  return { ...request, body, bodyDigest: hash("sha256", body) }
}

/** The signature at a rule's place; undefined if there is none, or more than one. */
function signatureAt(request: SignedRequest, at: UsePlace): string | undefined {
  const [given, ...more] = at.startsWith("header:")
    ? valuesOf(request, at.slice("header:".length))
    : new URLSearchParams(request.query).getAll(at.replace(/^query:/, ""))
  return more.length === 0 ? given : undefined
}

function withSignature(request: SignedRequest, at: UsePlace, signature: string): SignedRequest {
  if (at.startsWith("header:")) {
    const headers = request.headers.map(
      ([name, value]) => [name, `header:${name.toLowerCase()}` === at ? signature : value] as const,
    )
    return { ...request, headers }
  }
  const pairs = request.query.split("&").map((pair) => {
    const [name = ""] = pair.split("=", 1)
    return `query:${name}` === at ? `${name}=${encodeURIComponent(signature)}` : pair
  })
  return { ...request, query: pairs.join("&") }
}

/**
 * What the gate makes of a body is known before a signature is made over it. Throws `GATE_REFUSED` if
 * that is another body than the program sent, and a digest is signed that only fits the program's.
 */
async function settle(
  body: OutgoingBody,
  isSigned: boolean,
  signedHeaders: readonly string[],
): Promise<void> {
  const digests = signedHeaders.filter(isDigest)
  if (!body.mayChange || (!isSigned && digests.length === 0)) return
  const isSame = (await body.whole()).equals(await body.asItCame())
  if (isSame || digests.length === 0) return
  const names = digests.join(", ")
  throw new VaultError(
    "GATE_REFUSED",
    `the body of what the program sends holds a value, and its digest is signed: ${names}`,
    { hint: `leave the value out, or let the client sign without ${names}` },
  )
}

function placeholderOf(secret: string, { placeholders }: GrantTerms): string {
  const placeholder = placeholders.of(secret)
  if (placeholder === undefined) throw new TypeError("each secret of a run has a placeholder")
  return placeholder
}

function unproven(grants: readonly Granted[]): VaultError {
  const names = grants.map(({ name }) => name.full).join(", ")
  return new VaultError(
    "PLACEHOLDER_REFUSED",
    `the request is signed in the name of ${names}, and not with its placeholder of this run`,
    { hint: "let the client sign with the placeholder that its environment holds" },
  )
}

function nobodysKey(name: string): VaultError {
  return new VaultError(
    "USE_REFUSED",
    `${name} cannot sign: its rule names no access key, and it is not a lease of aws-sts`,
    {
      hint: `an owner says whose key it is: agent-vault use ${name} … --scheme sigv4 --user AKIA…`,
    },
  )
}
