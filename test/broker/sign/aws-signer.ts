import { createHash, createHmac } from "node:crypto"
import type { IncomingMessage } from "node:http"

// AWS's version 4 once more, from its documentation and not from src: what an SDK sends, and what a
// service accepts.

const ALGORITHM = "AWS4-HMAC-SHA256"

/** What is signed, and by whom. */
export interface ToSign {
  readonly method: string
  readonly path: string
  /** Names in lower case; with `host`. */
  readonly headers: Readonly<Record<string, string>>
  /** The digest of the body, or the word in its place. */
  readonly payload: string
  readonly key: string
  readonly user: string
  readonly in: "authorization" | "query"
}

const TIME = "20260101T000000Z"
const SCOPE = "20260101/us-east-1/s3/aws4_request"

/** The target and the headers that an SDK sends. */
export function signedByAws(to: ToSign): { target: string; headers: Record<string, string> } {
  const headers = { ...to.headers, ...(to.in === "query" ? {} : { "x-amz-date": TIME }) }
  const names = Object.keys(headers).toSorted().join(";")
  const pairs: [string, string][] =
    to.in === "authorization"
      ? []
      : [
          ["X-Amz-Algorithm", ALGORITHM],
          ["X-Amz-Credential", `${to.user}/${SCOPE}`],
          ["X-Amz-Date", TIME],
          ["X-Amz-Expires", "300"],
          ["X-Amz-SignedHeaders", names],
        ]
  const query = queryOf(pairs)
  const signature = signatureOf({ ...to, headers, query, names: names.split(";") })
  if (to.in === "query") {
    return { target: `${to.path}?${query}&X-Amz-Signature=${signature}`, headers }
  }
  const authorization = `${ALGORITHM} Credential=${to.user}/${SCOPE}, SignedHeaders=${names}, Signature=${signature}`
  return { target: to.path, headers: { ...headers, authorization } }
}

/** How chunks are signed: the first one's signature is over that of the head. */
interface ChunksToSign {
  readonly key: string
  readonly scope?: string
  readonly time?: string
  readonly signature: string
  /** A header behind the chunks, signed as well: `name:value`. */
  readonly trailer?: string
}

/** A body in chunks, each signed over the last. */
export function inSignedChunks(chunks: readonly Uint8Array[], to: ChunksToSign): Buffer {
  const { scope = SCOPE, time = TIME, trailer } = to
  const key = keyOf(to.key, scope)
  let { signature } = to
  const sign = (what: string, ...digests: string[]): string => {
    const terms = [`${ALGORITHM}-${what}`, time, scope, signature, ...digests]
    signature = hmac(key, terms.join("\n")).toString("hex")
    return signature
  }
  const framed = [...chunks, Buffer.alloc(0)].flatMap((chunk) => {
    const by = sign("PAYLOAD", sha256(Buffer.alloc(0)), sha256(chunk))
    const beginning = `${chunk.length.toString(16)};chunk-signature=${by}\r\n`
    return [Buffer.from(beginning), chunk, Buffer.from(chunk.length === 0 ? "" : "\r\n")]
  })
  const end =
    trailer === undefined
      ? "\r\n"
      : `${trailer}\r\nx-amz-trailer-signature:${sign("TRAILER", sha256(Buffer.from(`${trailer}\n`)))}\r\n\r\n`
  return Buffer.concat([...framed, Buffer.from(end)])
}

/** The signature of a head, which the first chunk's is over. */
export function signatureIn(authorization: string): string {
  return /Signature=(\w+)$/.exec(authorization)?.[1] ?? ""
}

/** Whether a service that knows the key accepts what came: signature, and body. */
export function isAcceptedByAws(request: IncomingMessage, body: Buffer, key: string): boolean {
  const [path = "", raw = ""] = (request.url ?? "").split("?")
  const pairs = [...new URLSearchParams(raw)]
  const inQuery = Object.fromEntries(pairs)
  const shown = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
    request.headers.authorization ?? "",
  )
  const names = inQuery["X-Amz-SignedHeaders"] ?? shown?.[2] ?? ""
  const said = request.headers["x-amz-content-sha256"]
  const usual = shown === null ? "UNSIGNED-PAYLOAD" : sha256(body)
  const payload = typeof said === "string" ? said : usual
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== sha256(body)) return false
  const signature = signatureOf({
    method: request.method ?? "",
    path,
    query: queryOf(pairs.filter(([name]) => name !== "X-Amz-Signature")),
    headers: request.headers as Record<string, string>,
    names: names.split(";"),
    payload,
    key,
    scope: shown?.[1] ?? inQuery["X-Amz-Credential"]?.replace(/^[^/]*\//, ""),
    time: inQuery["X-Amz-Date"] ?? (request.headers["x-amz-date"] as string | undefined),
  })
  return signature === (inQuery["X-Amz-Signature"] ?? shown?.[3])
}

function queryOf(pairs: readonly [string, string][]): string {
  return pairs
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join("&")
}

function signatureOf(what: {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly names: readonly string[]
  readonly payload: string
  readonly key: string
  readonly scope?: string | undefined
  readonly time?: string | undefined
}): string {
  const { scope = SCOPE, time = TIME } = what
  const headers = what.names.map((name) => `${name}:${what.headers[name] ?? ""}\n`)
  const canonical = [what.method, what.path, what.query, headers.join("")]
  canonical.push(what.names.join(";"), what.payload)
  const text = [ALGORITHM, time, scope, sha256(Buffer.from(canonical.join("\n")))].join("\n")
  return hmac(keyOf(what.key, scope), text).toString("hex")
}

function keyOf(secret: string, scope: string): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secret}`)
  for (const part of scope.split("/")) key = hmac(key, part)
  return key
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest()
}
