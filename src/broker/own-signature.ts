import { hash } from "node:crypto"
import { type Use, VaultError } from "../core/index.js"
import type { RequestSignature, WireRequest } from "../serving/serving.js"
import { type HmacRequest, hmacOf } from "./sign/hmac.js"
import { signerOf } from "./sign/in-session.js"
import { signSigV4 } from "./sign/sigv4.js"

const HOST_OF_AWS = /^(?:(.+)\.)?amazonaws\.com(?:\.cn)?$/
const REGION = /^[a-z]{2,4}(?:-[a-z]+)+-\d+$/
/** Labels of a host that say how it is reached. */
const WAYS: ReadonlySet<string> = new Set(["dualstack", "fips"])
/** What a signature is over besides the host. */
const SIGNED = /^(?:content-type|x-amz-.*)$/
const SCOPE = /^[a-z0-9-]+\/[a-z0-9-]+$/

/**
 * The request, signed with the placeholder: the broker proves that, and signs anew with the value.
 * `host` is the header of that name. Throws `USAGE` where nothing says for whom AWS's signature is,
 * and `PLACEHOLDER_REFUSED` for a header that is to be signed and is not there.
 */
export function signedOwn(
  request: WireRequest,
  host: string,
  signature: RequestSignature,
  placeholder: string,
): WireRequest {
  return signature.rule.scheme === "sigv4"
    ? withSigV4(request, host, signature, placeholder)
    : withHmac(request, host, signature.rule, placeholder)
}

function withHmac(request: WireRequest, host: string, rule: Use, placeholder: string): WireRequest {
  const { template = "", encoding = "hex" } = rule
  const at = rule.at.find((place) => place.startsWith("header:")) ?? rule.at[0] ?? ""
  const made = hmacOf({ template, encoding, at }, signable(request, host), placeholder)
  if (at.startsWith("header:")) return withHeaders(request, [[at.slice("header:".length), made]])
  const [path = "", query = ""] = request.target.split(/\?(.*)/s)
  const name = at.slice("query:".length)
  const kept = query.split("&").filter((pair) => pair !== "" && pair.split("=")[0] !== name)
  return {
    ...request,
    target: `${path}?${[...kept, `${name}=${encodeURIComponent(made)}`].join("&")}`,
  }
}

function withSigV4(
  request: WireRequest,
  host: string,
  { rule, scope = scopeOf(host) }: RequestSignature,
  placeholder: string,
): WireRequest {
  if (!SCOPE.test(scope)) throw noScope()
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")
  const [accessKey, full] = [signerOf(rule), `${time.slice(0, 8)}/${scope}/aws4_request`]
  const payload = hash("sha256", request.body)
  const dated = withHeaders(request, [
    ["x-amz-date", time],
    ["x-amz-content-sha256", payload],
  ])
  const names = dated.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => SIGNED.test(name))
  const signedHeaders = ["host", ...new Set(names)].toSorted()
  const signature = "0".repeat(64)
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${full}, SignedHeaders=${signedHeaders.join(";")}, Signature=${signature}`
  const unsigned = withHeaders(dated, [["authorization", authorization]])
  const sigV4 = {
    in: "authorization",
    accessKey,
    scope: full,
    time,
    signedHeaders,
    signature,
  } as const
  // S3 takes the path as it is, all others encode it once more.
  const path = scope.endsWith("/s3") ? "as sent" : "encoded again"
  const proof = { sigV4, form: { path, plus: "+", payload } } as const
  const { request: signed } = signSigV4(proof, signable(unsigned, host), Buffer.from(placeholder))
  return { ...unsigned, headers: signed.headers.filter(([name]) => name !== "host") }
}

/** A request with these headers, in place of others of their names. */
function withHeaders(
  request: WireRequest,
  headers: readonly (readonly [name: string, value: string])[],
): WireRequest {
  const names = new Set(headers.map(([name]) => name))
  const others = request.headers.filter(([name]) => !names.has(name.toLowerCase()))
  return { ...request, headers: [...others, ...headers] }
}

function signable({ method, target, headers, body }: WireRequest, host: string): HmacRequest {
  const [path = "", query = ""] = target.split(/\?(.*)/s)
  const bodyDigest = hash("sha256", body)
  return { method, path, query, headers: [["host", host], ...headers], body, bodyDigest }
}

/** Region and service, as a host of AWS names them: `bucket.s3.eu-central-1.amazonaws.com`. */
function scopeOf(host: string): string {
  const [, names] = HOST_OF_AWS.exec(host) ?? []
  const labels = (names ?? "").split(".").filter((label) => !WAYS.has(label))
  const last = labels.at(-1) ?? ""
  const service = (REGION.test(last) ? labels.at(-2) : last)?.replace(/-fips$/, "")
  if (service === undefined || service === "") throw noScope()
  // What has one host for all regions is signed for this one.
  return `${REGION.test(last) ? last : "us-east-1"}/${service}`
}

function noScope(): VaultError {
  return new VaultError("USAGE", "nothing says for which region and service this is signed", {
    hint: "say it in scope: us-east-1/s3, for example",
  })
}
