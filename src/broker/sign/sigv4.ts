import { createHmac, timingSafeEqual } from "node:crypto"
import { VaultError } from "../../core/index.js"
import { type CanonicalForm, canonicalHash, formsOf } from "./canonical.js"
import { type SignedRequest, valuesOf } from "./signed-request.js"

const ALGORITHM = "AWS4-HMAC-SHA256"
const CONTENT_HASH = "x-amz-content-sha256"
const CREDENTIAL = /^([^/\s]+)\/((\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request)$/
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/

/**
 * A signature of AWS's version 4, as a client made it: in the header `authorization`, or in the
 * query ("presigned").
 */
export interface SigV4 {
  readonly in: "authorization" | "query"
  /** The id of the access key: public, and a rule's `user`. */
  readonly accessKey: string
  /** `20150830/us-east-1/service/aws4_request`. */
  readonly scope: string
  /** `20150830T123600Z`. */
  readonly time: string
  readonly signedHeaders: readonly string[]
  /** 64 digits of lower-case hex. */
  readonly signature: string
}

/** What tells whose placeholder a client signed with, and how to sign in its place. */
export interface SigV4Proof {
  readonly sigV4: SigV4
  readonly form: CanonicalForm
}

/** A request that is signed anew, and the signature that this put in. */
interface SignedAnew {
  readonly request: SignedRequest
  readonly signature: string
}

/**
 * Reads the signature of a request; undefined if it has none. Throws PLACEHOLDER_REFUSED for one
 * that cannot be made anew: in another version, without the host, or there twice.
 */
export function readSigV4(request: SignedRequest): SigV4 | undefined {
  const found = [...inHeader(request), ...inQuery(request)]
  const [sigV4] = found
  if (sigV4 === undefined) return undefined
  if (found.length > 1) throw refusedToSign("it is signed twice")
  if (!sigV4.signedHeaders.includes("host")) throw refusedToSign("what it signs lacks the host")
  refuseChunks(request)
  return sigV4
}

/**
 * Whether the body's digest has to be known to verify the signature: where the client says none
 * itself. S3's clients always say one, others seldom.
 */
export function needsBodyDigest(sigV4: SigV4, request: SignedRequest): boolean {
  if (valuesOf(request, CONTENT_HASH).length > 0) return false
  return sigV4.in === "authorization" || !/^(?:GET|HEAD|DELETE)$/.test(request.method)
}

/**
 * Verifies that a client made the signature with this placeholder as its secret key; undefined if
 * it did not: it has another key, or a placeholder of another run. The request is as it arrived.
 */
export function proveSigV4(
  sigV4: SigV4,
  request: SignedRequest,
  placeholder: string,
): SigV4Proof | undefined {
  const key = signingKey(placeholder, sigV4.scope)
  const given = Buffer.from(sigV4.signature, "hex")
  for (const form of formsOf(request, payloadsOf(sigV4, request))) {
    if (timingSafeEqual(signatureOf(sigV4, request, form, key), given)) return { sigV4, form }
  }
  return undefined
}

/** Whether the signature is over the body, and not over a word in the place of its digest. */
export function isOverBody({ form }: SigV4Proof): boolean {
  return DIGEST.test(form.payload)
}

/** Whether each chunk of the body is signed, the first one over the signature of the head. */
export function isOverChunks({ form }: SigV4Proof): boolean {
  return SIGNED_CHUNKS.has(form.payload)
}

/**
 * Signs a request anew with the secret key (UTF-8) in place of the placeholder, in the form that
 * was proven. The request is as it leaves: what was changed on the way, a session token say, is
 * signed as it is, a body too if its digest is known. Only the signature in it becomes another, and
 * the body's digest where the client said it.
 */
export function signSigV4(
  proof: SigV4Proof,
  request: SignedRequest,
  secret: Uint8Array,
): SignedAnew {
  const { sigV4, form } = proof
  const key = signingKey(secret, sigV4.scope)
  const payload = isOverBody(proof) ? (request.bodyDigest ?? form.payload) : form.payload
  const isSame = payload === form.payload
  const leaving = isSame ? request : withHeader(request, CONTENT_HASH, () => payload)
  const signature = signatureOf(sigV4, leaving, { ...form, payload }, key).toString("hex")
  if (sigV4.in === "query") {
    const query = leaving.query.replace(
      /(^|&)X-Amz-Signature=[^&]*/,
      `$1X-Amz-Signature=${signature}`,
    )
    return { request: { ...leaving, query }, signature }
  }
  const signed = withHeader(leaving, "authorization", (value) =>
    value.replace(/Signature=[0-9a-f]{64}$/, `Signature=${signature}`),
  )
  return { request: signed, signature }
}

function withHeader(
  request: SignedRequest,
  name: string,
  change: (value: string) => string,
): SignedRequest {
  const headers = request.headers.map(
    ([each, value]) => [each, each.toLowerCase() === name ? change(value) : value] as const,
  )
  return { ...request, headers }
}

function* inHeader(request: SignedRequest): Generator<SigV4> {
  for (const value of valuesOf(request, "authorization")) {
    if (!/^AWS/i.test(value)) continue
    const [, credential = "", signedHeaders = "", signature = ""] =
      AUTHORIZATION.exec(value.trim()) ?? []
    const [time = ""] = valuesOf(request, "x-amz-date")
    yield sigV4Of("authorization", { credential, signedHeaders, signature, time })
  }
}

function* inQuery({ query }: SignedRequest): Generator<SigV4> {
  const pairs = new URLSearchParams(query)
  if (!pairs.has("X-Amz-Signature") && !pairs.has("X-Amz-Algorithm")) return
  if (pairs.getAll("X-Amz-Signature").length !== 1) throw refusedToSign("it is signed twice")
  if (pairs.get("X-Amz-Algorithm") !== ALGORITHM) throw refusedToSign(`it is not in ${ALGORITHM}`)
  yield sigV4Of("query", {
    credential: pairs.get("X-Amz-Credential") ?? "",
    signedHeaders: pairs.get("X-Amz-SignedHeaders") ?? "",
    signature: pairs.get("X-Amz-Signature") ?? "",
    time: pairs.get("X-Amz-Date") ?? "",
  })
}

function sigV4Of(
  where: SigV4["in"],
  said: Readonly<Record<"credential" | "signedHeaders" | "signature" | "time", string>>,
): SigV4 {
  const [, accessKey, scope, day] = CREDENTIAL.exec(said.credential) ?? []
  if (accessKey === undefined || scope === undefined || !/^[0-9a-f]{64}$/.test(said.signature)) {
    throw refusedToSign(`it is not in ${ALGORITHM}`)
  }
  if (!/^\d{8}T\d{6}Z$/.test(said.time) || said.time.slice(0, 8) !== day) {
    throw refusedToSign("it does not say when it was signed, in x-amz-date")
  }
  return {
    in: where,
    accessKey,
    scope,
    time: said.time,
    signedHeaders: said.signedHeaders.toLowerCase().split(";"),
    signature: said.signature,
  }
}

/** Chunks are signed one by one with this key, or not at all: no other way is known here. */
function refuseChunks(request: SignedRequest): void {
  const [hash = ""] = valuesOf(request, CONTENT_HASH)
  if (!hash.startsWith("STREAMING-") || hash === UNSIGNED_CHUNKS || SIGNED_CHUNKS.has(hash)) return
  throw refusedToSign(`the chunks of its body are signed in ${hash.replaceAll(/[^A-Z0-9-]/g, "")}`)
}

/** What the payload's hash may be in the canonical request. */
function payloadsOf(sigV4: SigV4, request: SignedRequest): string[] {
  const said = valuesOf(request, CONTENT_HASH)
  const body = request.bodyDigest ?? EMPTY
  if (said.length > 0) return [said.join(",")]
  return sigV4.in === "query" ? ["UNSIGNED-PAYLOAD", body] : [body]
}

/** A payload's hash that is one, and not a word such as UNSIGNED-PAYLOAD. */
const DIGEST = /^[0-9a-f]{64}$/
/** The SHA-256 of no bytes. */
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/** What a client says of a body in chunks, in place of its digest. */
const UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
const SIGNED_CHUNKS: ReadonlySet<string> = new Set([
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
])

/** AWS, "Derive a signing key". Holds for the day, the region and the service of the scope. */
export function signingKey(secret: string | Uint8Array, scope: string): Buffer {
  const first = Buffer.concat([Buffer.from("AWS4"), Buffer.from(secret)])
  return scope.split("/").reduce((key: Buffer, part) => hmac(key, part), first)
}

function signatureOf(
  sigV4: SigV4,
  request: SignedRequest,
  form: CanonicalForm,
  key: Buffer,
): Buffer {
  const hash = canonicalHash(request, sigV4.signedHeaders, form)
  return hmac(key, [ALGORITHM, sigV4.time, sigV4.scope, hash].join("\n"))
}

/** HMAC-SHA256. */
export function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest()
}

/** A request that cannot be signed with the value in place of the placeholder. */
export function refusedToSign(why: string): VaultError {
  return new VaultError("PLACEHOLDER_REFUSED", `the request cannot be signed anew: ${why}`, {
    hint: "let the client sign it in AWS4-HMAC-SHA256, once, with the placeholder as its secret key",
  })
}
