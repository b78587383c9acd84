import type { SessionKeys, Use } from "../../core/index.js"
import type { SignedRequest } from "./signed-request.js"
import type { SigV4, SigV4Proof } from "./sigv4.js"

/** A request that names short-lived keys, and what is proven of it: still to be signed with them. */
interface InSession {
  readonly request: SignedRequest
  readonly proof: SigV4Proof
}

const TOKEN = "x-amz-security-token"
const TOKEN_PAIR = "X-Amz-Security-Token"
/** Stands for the id of a key that is not there yet. Put together, since it looks like one. */
const ID_TO_COME = "AKIA".padEnd(20, "PLACEHOLDER")

/** In whose name a program signs by a rule: that of an access key, or of a lease that is to come. */
export function signerOf({ user = ID_TO_COME }: Use): string {
  return user
}

/**
 * A request that a program signed, in the name of short-lived keys: with their id, and with their
 * session token, which the signature is over, in place of whatever the program sent as one.
 */
export function inSession(
  { sigV4, form }: SigV4Proof,
  request: SignedRequest,
  { id, token }: SessionKeys,
): InSession {
  const isInHeader = sigV4.in === "authorization"
  const others = sigV4.signedHeaders.filter((name) => name !== TOKEN)
  const named = {
    ...sigV4,
    accessKey: id,
    signedHeaders: isInHeader ? [...others, TOKEN].toSorted() : others,
  }
  const text = Buffer.from(token).toString("latin1")
  const headers = request.headers.filter(([name]) => name.toLowerCase() !== TOKEN)
  const pairs = request.query.split("&").filter((pair) => !isPair(pair, TOKEN_PAIR))
  const shown: SignedRequest = isInHeader
    ? {
        ...request,
        query: pairs.join("&"),
        headers: [...headers.map(naming(named)), [TOKEN_PAIR, text]],
      }
    : {
        ...request,
        query: [...pairs.map(namingPair(named)), pairOf(TOKEN_PAIR, text)].join("&"),
        headers,
      }
  return { request: shown, proof: { sigV4: named, form } }
}

/**
 * The session token as a presigned query holds it. S3 shows the bytes of a query that is not signed as
 * it expects, and nothing is looked for in two encodings at once.
 */
export function tokenInQuery({ token }: SessionKeys): Uint8Array {
  return Buffer.from(encodeURIComponent(Buffer.from(token).toString("latin1")))
}

/** The header of the signature, whose own place is kept. */
function naming({ accessKey, scope, signedHeaders, signature }: SigV4) {
  const credential = `Credential=${accessKey}/${scope}`
  const over = `SignedHeaders=${signedHeaders.join(";")}`
  return ([name, value]: readonly [string, string]): readonly [string, string] => {
    const isSignature = name.toLowerCase() === "authorization" && /^AWS4-/i.test(value)
    const anew = `AWS4-HMAC-SHA256 ${credential}, ${over}, Signature=${signature}`
    return [name, isSignature ? anew : value]
  }
}

function namingPair({ accessKey, scope, signedHeaders }: SigV4): (pair: string) => string {
  const said = new Map([
    ["X-Amz-Credential", `${accessKey}/${scope}`],
    ["X-Amz-SignedHeaders", signedHeaders.join(";")],
  ])
  return (pair) => {
    const [name, text] = [...said].find(([each]) => isPair(pair, each)) ?? []
    return name === undefined || text === undefined ? pair : pairOf(name, text)
  }
}

/** Whether a pair of a query has this name, however it is written. */
function isPair(pair: string, name: string): boolean {
  const [[written = ""] = []] = new URLSearchParams(pair)
  return written.toLowerCase() === name.toLowerCase()
}

function pairOf(name: string, text: string): string {
  return `${name}=${encodeURIComponent(text)}`
}
