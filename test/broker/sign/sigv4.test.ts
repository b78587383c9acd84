import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import type { SignedRequest } from "../../../src/broker/sign/signed-request.js"
import {
  type SigV4,
  needsBodyDigest,
  proveSigV4,
  readSigV4,
  signSigV4,
} from "../../../src/broker/sign/sigv4.js"
import {
  AWS_EXAMPLE_KEY,
  IN_HEADER,
  IN_QUERY,
  S3_EXAMPLE_KEY,
  SESSION,
  headerRequest,
  queryRequest,
} from "./aws-suite.js"

const ANOTHER = "another-secret-access-key-of-a-test-1234"
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The signature of a request that has one. */
function read(request: SignedRequest): SigV4 {
  const sigV4 = readSigV4(request)
  if (sigV4 === undefined) throw new TypeError("the request is not signed")
  return sigV4
}

/** The request that a client sends who has another key: signed with it. */
function signedWith(request: SignedRequest, from: string, key: string): SignedRequest {
  const proof = proveSigV4(read(request), request, from)
  if (proof === undefined) throw new TypeError("the request is not signed with that")
  return signSigV4(proof, request, bytes(key)).request
}

const suite = [
  ...IN_HEADER.map((made) => ({
    name: `${made.name}, in the header`,
    request: headerRequest(made),
  })),
  ...IN_QUERY.map((made) => ({ name: `${made.name}, in the query`, request: queryRequest(made) })),
]

describe("of AWS's suite", () => {
  test.each(suite)("$name is verified with its key, and with no other", ({ request }) => {
    expect(proveSigV4(read(request), request, AWS_EXAMPLE_KEY)).toBeDefined()
    expect(proveSigV4(read(request), request, ANOTHER)).toBeUndefined()
  })

  test.each(suite)("$name is what comes of signing a placeholder's anew", ({ request }) => {
    const asSent = signedWith(request, AWS_EXAMPLE_KEY, ANOTHER)
    expect(asSent).not.toEqual(request)
    expect(signedWith(asSent, ANOTHER, AWS_EXAMPLE_KEY)).toEqual(request)
  })

  test.each(suite)("$name is no longer proven with another word in it", ({ request }) => {
    const changed: SignedRequest[] = [
      { ...request, method: "PUT" },
      { ...request, path: `${request.path}x` },
      { ...request, query: `${request.query}&x=y` },
      {
        ...request,
        headers: request.headers.map(([name, value]) => [
          name,
          name === "Host" ? "example.org" : value,
        ]),
      },
    ]
    const proofs = changed.map((other) => proveSigV4(read(other), other, AWS_EXAMPLE_KEY))
    expect(proofs).toEqual(changed.map(() => undefined))
  })
})

const S3 = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
const PRESIGNED = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
const EMPTY = createHash("sha256").digest("hex")

/** An example of AWS's pages on S3. */
function s3Request(
  signedHeaders: string,
  signature: string,
  headers: SignedRequest["headers"],
  method = "GET",
  path = "/test.txt",
  query = "",
): SignedRequest {
  return {
    method,
    path,
    query,
    headers: [
      ...headers,
      [
        "Authorization",
        `AWS4-HMAC-SHA256 Credential=${S3},SignedHeaders=${signedHeaders},Signature=${signature}`,
      ],
      ["Host", "examplebucket.s3.amazonaws.com"],
      ["x-amz-date", "20130524T000000Z"],
    ],
  }
}

describe("of AWS's pages on S3", () => {
  test.each([
    {
      name: "GET of a range",
      request: s3Request(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        [
          ["Range", "bytes=0-9"],
          ["x-amz-content-sha256", EMPTY],
        ],
      ),
    },
    {
      name: "PUT, with a $ in the path",
      request: s3Request(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        [
          ["Date", "Fri, 24 May 2013 00:00:00 GMT"],
          [
            "x-amz-content-sha256",
            createHash("sha256").update("Welcome to Amazon S3.").digest("hex"),
          ],
          ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
        ],
        "PUT",
        "/test$file.text",
      ),
    },
    {
      name: "GET of a bucket's lifecycle, a query without a value",
      request: s3Request(
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        [["x-amz-content-sha256", EMPTY]],
        "GET",
        "/",
        "lifecycle",
      ),
    },
    {
      name: "a presigned GET",
      request: {
        method: "GET",
        path: "/test.txt",
        query: [
          "X-Amz-Algorithm=AWS4-HMAC-SHA256",
          `X-Amz-Credential=${encodeURIComponent(S3)}`,
          "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
          ["X-Amz-Signature", PRESIGNED].join("="),
        ].join("&"),
        headers: [["host", "examplebucket.s3.amazonaws.com"]] as SignedRequest["headers"],
      },
    },
  ])("$name is verified", ({ request }) => {
    expect(proveSigV4(read(request), request, S3_EXAMPLE_KEY)).toBeDefined()
    expect(proveSigV4(read(request), request, AWS_EXAMPLE_KEY)).toBeUndefined()
  })
})

const [vanilla] = IN_HEADER
const plain = headerRequest(vanilla ?? { name: "", target: "/", signature: "" })

/** The plain request of the suite with some headers in place of others. */
function withHeaders(...headers: SignedRequest["headers"]): SignedRequest {
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  return {
    ...plain,
    headers: [...plain.headers.filter(([name]) => !names.has(name.toLowerCase())), ...headers],
  }
}

function withToken(request: SignedRequest, token: string): SignedRequest {
  const headers = request.headers.map(
    ([name, value]) => [name, name === "X-Amz-Security-Token" ? token : value] as const,
  )
  return { ...request, headers }
}

describe("a signature", () => {
  test("says who signed, when, where and what", () => {
    expect(readSigV4(plain)).toEqual({
      in: "authorization",
      accessKey: "AKIDEXAMPLE",
      scope: "20150830/us-east-1/service/aws4_request",
      time: "20150830T123600Z",
      signedHeaders: ["host", "x-amz-date"],
      signature: vanilla?.signature,
    })
  })

  test("is none where nothing signs", () => {
    expect(readSigV4({ ...plain, headers: [["host", "example.amazonaws.com"]] })).toBeUndefined()
    expect(readSigV4(withHeaders(["authorization", "Bearer x"]))).toBeUndefined()
  })

  test("changes nothing else of a request", () => {
    const proof = proveSigV4(read(plain), plain, AWS_EXAMPLE_KEY)
    if (proof === undefined) throw new TypeError("not proven")
    const { request, signature } = signSigV4(proof, plain, bytes(ANOTHER))
    expect(JSON.stringify(request).replaceAll(signature, vanilla?.signature ?? "")).toBe(
      JSON.stringify(plain),
    )
    expect(JSON.stringify(request)).not.toContain(ANOTHER)
  })

  test("is over a session token as it leaves, not as it came", () => {
    const [, session] = IN_HEADER
    const real = headerRequest(session ?? { name: "", target: "/", signature: "" })
    // What the client sent: signed with a placeholder over a placeholder of the token.
    const draft = withToken(real, "placeholder-of-the-token")
    const form = proveSigV4(read(real), real, AWS_EXAMPLE_KEY)?.form
    if (form === undefined) throw new TypeError("not proven")
    const sent = signSigV4({ sigV4: read(draft), form }, draft, bytes(ANOTHER)).request
    const proof = proveSigV4(read(sent), sent, ANOTHER)
    if (proof === undefined) throw new TypeError("not proven")
    const leaving = withToken(sent, SESSION)
    expect(signSigV4(proof, leaving, bytes(AWS_EXAMPLE_KEY)).request).toEqual(real)
  })

  test("is over the body, where no header says what of it", () => {
    const digest = createHash("sha256").update("a body").digest("hex")
    const request = { ...plain, method: "POST", bodyDigest: digest }
    const form = { path: "as sent", plus: "+", payload: digest } as const
    const sent = signSigV4({ sigV4: read(request), form }, request, bytes(ANOTHER)).request
    expect(needsBodyDigest(read(sent), sent)).toBe(true)
    expect(proveSigV4(read(sent), sent, ANOTHER)?.form.payload).toBe(digest)
    expect(proveSigV4(read(sent), { ...sent, bodyDigest: EMPTY }, ANOTHER)).toBeUndefined()
    expect(needsBodyDigest(read(plain), withHeaders(["x-amz-content-sha256", EMPTY]))).toBe(false)
  })

  test.each(["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])(
    "passes with %s, as the client says",
    (payload) => {
      const request = withHeaders(["x-amz-content-sha256", payload])
      const form = { path: "as sent", plus: "+", payload } as const
      const sent = signSigV4({ sigV4: read(request), form }, request, bytes(ANOTHER)).request
      expect(proveSigV4(read(sent), sent, ANOTHER)?.form.payload).toBe(payload)
    },
  )

  test.each([
    ["/a%20b/c", "as sent", "+"],
    ["/a%20b/c", "encoded again", "+"],
    ["/a(b)/c", "encoded anew", "+"],
    ["/a", "as sent", " "],
  ] as const)("of %s, %s, plus as '%s', is found", (path, how, plus) => {
    const request = { ...plain, path, query: "q=a+b" }
    const form = { path: how, plus, payload: EMPTY }
    const sent = signSigV4({ sigV4: read(request), form }, request, bytes(ANOTHER)).request
    const proof = proveSigV4(read(sent), sent, ANOTHER)
    expect(proof).toBeDefined()
    expect(proof && signSigV4(proof, sent, bytes(ANOTHER)).request).toEqual(sent)
  })
})

const credential = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
const signature = `Signature=${"0".repeat(64)}`

describe("a request is refused", () => {
  test.each<[string, SignedRequest, RegExp]>([
    [
      "whose chunks are signed with a key pair",
      withHeaders(["x-amz-content-sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"]),
      /chunks of its body are signed in STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD$/,
    ],
    [
      "that is signed with a key pair",
      withHeaders([
        "authorization",
        `AWS4-ECDSA-P256-SHA256 ${credential}, SignedHeaders=host, ${signature}`,
      ]),
      /not in AWS4-HMAC-SHA256/,
    ],
    [
      "that is signed in version 2",
      withHeaders(["authorization", "AWS AKIDEXAMPLE:c2ln"]),
      /not in AWS4/,
    ],
    [
      "whose host is not signed",
      withHeaders([
        "authorization",
        `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=x-amz-date, ${signature}`,
      ]),
      /lacks the host/,
    ],
    [
      "that is signed twice",
      { ...plain, query: queryRequest({ name: "", target: "/", signature: "0".repeat(64) }).query },
      /signed twice/,
    ],
    [
      "that has two signatures in its query",
      {
        ...plain,
        query: `${queryRequest({ name: "", target: "/", signature: "0".repeat(64) }).query}&X-Amz-Signature=1`,
      },
      /signed twice/,
    ],
    [
      "with two headers that sign",
      { ...plain, headers: [...plain.headers, ...plain.headers] },
      /signed twice/,
    ],
    [
      "without its time",
      { ...plain, headers: plain.headers.filter(([name]) => name !== "X-Amz-Date") },
      /when/,
    ],
    ["with the time of another day", withHeaders(["x-amz-date", "20150831T123600Z"]), /when/],
    [
      "with a scope that is none",
      withHeaders([
        "authorization",
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, SignedHeaders=host, ${signature}`,
      ]),
      /not in AWS4/,
    ],
  ])("%s", (_, request, why) => {
    expect(() => readSigV4(request)).toThrow(
      expect.objectContaining({ code: "PLACEHOLDER_REFUSED" }),
    )
    expect(() => readSigV4(request)).toThrow(why)
  })
})
