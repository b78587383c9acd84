import { describe, expect, test } from "vitest"
import { inSession } from "../../../src/broker/sign/in-session.js"
import type { SignedRequest } from "../../../src/broker/sign/signed-request.js"
import { proveSigV4, readSigV4, signSigV4 } from "../../../src/broker/sign/sigv4.js"
import { AWS_EXAMPLE_KEY, SESSION, type AwsCase, headerRequest, queryRequest } from "./aws-suite.js"

const PLACEHOLDER = "a-placeholder-of-a-secret-access-key-1234"
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const KEYS = { id: "AKIDEXAMPLE", secret: bytes(AWS_EXAMPLE_KEY), token: bytes(SESSION) }
const OWN = "a-token-of-the-programs-own"

/** Of AWS's suite: with its session token, and with none. */
const IN_HEADER = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
const IN_QUERY = "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"
const VANILLA: AwsCase = { name: "get-vanilla", target: "/", signature: "0".repeat(64) }

function proven(request: SignedRequest) {
  const sigV4 = readSigV4(request)
  const proof = sigV4 && proveSigV4(sigV4, request, PLACEHOLDER)
  if (proof === undefined) throw new TypeError("the request is not signed with the placeholder")
  return proof
}

/** What a client sends who has the placeholder. */
function asSent(request: SignedRequest): SignedRequest {
  const sigV4 = readSigV4(request)
  if (sigV4 === undefined) throw new TypeError("the request is not signed")
  const payload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  const form = { path: "as sent", plus: "+", payload } as const
  return signSigV4({ sigV4, form }, request, bytes(PLACEHOLDER)).request
}

/** What leaves in its place, in the name of the keys. */
function leaving(request: SignedRequest) {
  const { request: named, proof } = inSession(proven(request), request, KEYS)
  return signSigV4(proof, named, KEYS.secret)
}

const inOthersName = (request: SignedRequest): SignedRequest => ({
  ...request,
  query: request.query.replace("AKIDEXAMPLE", "AKIAOTHER"),
  headers: request.headers.map(([name, value]) => [
    name,
    value.replace("Credential=AKIDEXAMPLE", "Credential=AKIAOTHER"),
  ]),
})
const withOwn = (headers: AwsCase["headers"], signedHeaders: string): AwsCase => ({
  ...VANILLA,
  ...(headers && { headers }),
  signedHeaders,
})

describe("in the header, what leaves is what AWS's suite has,", () => {
  test.each<[string, SignedRequest]>([
    ["where the program sends no token", headerRequest(VANILLA)],
    [
      "where it signs one of its own",
      headerRequest(
        withOwn([["x-amz-security-token", OWN]], "host;x-amz-date;x-amz-security-token"),
      ),
    ],
    [
      "where it sends two and signs none",
      headerRequest(
        withOwn(
          [
            ["X-Amz-Security-Token", OWN],
            ["x-amz-security-TOKEN", `${OWN}2`],
          ],
          "host;x-amz-date",
        ),
      ),
    ],
    [
      "where it sends one in the query",
      headerRequest({ ...VANILLA, target: `/?X-Amz-Security%2dToken=${OWN}` }),
    ],
  ])("%s", (_what, request) => {
    const { request: left, signature } = leaving(asSent(inOthersName(request)))
    expect(signature).toBe(IN_HEADER)
    expect(JSON.stringify(left)).not.toContain(OWN)
    expect(left.headers.filter(([name]) => /token/i.test(name))).toEqual([
      ["X-Amz-Security-Token", SESSION],
    ])
    const [, authorization = ""] = left.headers.find(([name]) => name === "Authorization") ?? []
    expect(authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=${IN_HEADER}`,
    )
  })
})

describe("in the query, what leaves is what AWS's suite has,", () => {
  test.each<[string, SignedRequest]>([
    ["where the program sends no token", queryRequest(VANILLA)],
    [
      "where it signs one of its own",
      queryRequest({ ...VANILLA, target: `/?X-Amz-Security-Token=${OWN}` }),
    ],
    [
      "where it writes names otherwise, and sends a header besides",
      queryRequest({
        ...withOwn([["X-Amz-Security-Token", OWN]], "host;x-amz-security-token"),
        target: `/?x-amz-security%2Dtoken=${OWN}&X-Amz-Security-Token=`,
      }),
    ],
  ])("%s", (_what, request) => {
    const { request: left, signature } = leaving(asSent(inOthersName(request)))
    expect(signature).toBe(IN_QUERY)
    expect(JSON.stringify(left)).not.toContain(OWN)
    expect(left.headers.map(([name]) => name)).toEqual(["Host"])
    const pairs = new URLSearchParams(left.query)
    expect(pairs.getAll("X-Amz-Security-Token")).toEqual([SESSION])
    expect(pairs.get("X-Amz-Credential")).toMatch(/^AKIDEXAMPLE\//)
    expect(pairs.get("X-Amz-SignedHeaders")).toBe("host")
    expect(pairs.get("X-Amz-Signature")).toBe(IN_QUERY)
  })
})
