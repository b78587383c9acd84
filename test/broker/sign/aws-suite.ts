import type { SignedRequest } from "../../../src/broker/sign/signed-request.js"

/**
 * Of AWS's Signature Version 4 test suite (docs.aws.amazon.com, "Signature Version 4 test suite";
 * github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4): its requests, as they are on the
 * wire, and its signatures. Paths that a broker refuses before (`..`, `//`) are left out.
 */
export interface AwsCase {
  readonly name: string
  readonly method?: string
  /** Path and query. */
  readonly target: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly signedHeaders?: string
  readonly body?: string
  readonly signature: string
}

const SPACED: AwsCase["headers"] = [
  ["My-Header1", " value1"],
  ["My-Header2", ' "a   b   c"'],
]
const ORDERED: AwsCase["headers"] = ["value4", "value1", "value3", "value2"].map(
  (value) => ["My-Header1", value] as const,
)
const TWICE: AwsCase["headers"] = ["value2", "value2", "value1"].map(
  (value) => ["My-Header1", value] as const,
)
const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const FORM: AwsCase["headers"] = [
  ["Content-Type", "application/x-www-form-urlencoded"],
  ["Content-Length", "13"],
  ["x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"],
]
export const SESSION = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"

export const IN_HEADER: readonly AwsCase[] = [
  {
    name: "get-vanilla",
    target: "/",
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  },
  {
    name: "get-vanilla-with-session-token",
    target: "/",
    headers: [["X-Amz-Security-Token", SESSION]],
    signedHeaders: "host;x-amz-date;x-amz-security-token",
    signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
  },
  {
    name: "get-header-value-trim",
    target: "/",
    headers: SPACED,
    signedHeaders: "host;my-header1;my-header2;x-amz-date",
    signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  },
  {
    name: "get-header-key-duplicate",
    target: "/",
    headers: TWICE,
    signedHeaders: "host;my-header1;x-amz-date",
    signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
  },
  {
    name: "get-header-value-order",
    target: "/",
    headers: ORDERED,
    signedHeaders: "host;my-header1;x-amz-date",
    signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
  },
  {
    name: "get-space",
    target: "/example%20space/",
    signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
  },
  {
    name: "get-utf8",
    target: "/%E1%88%B4",
    signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
  },
  {
    name: "get-utf8, with the bytes on the wire",
    target: "/\u00e1\u0088\u00b4",
    signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
  },
  {
    name: "get-vanilla-utf8-query",
    target: "/?%E1%88%B4=bar",
    signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
  },
  {
    name: "get-vanilla-query-order-key-case",
    target: "/?Param2=value2&Param1=value1",
    signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  },
  {
    name: "get-vanilla-query-order-encoded",
    target: "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
    signature: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
  },
  {
    name: "get-vanilla-empty-query-key",
    target: "/?Param1=value1",
    signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
  },
  {
    name: "get-vanilla-query-unreserved",
    target: `/?${UNRESERVED}=${UNRESERVED}`,
    signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  },
  {
    name: "post-x-www-form-urlencoded",
    method: "POST",
    target: "/",
    headers: FORM,
    signedHeaders: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
    body: "Param1=value1",
    signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
  },
]

export const IN_QUERY: readonly AwsCase[] = [
  {
    name: "get-header-value-trim",
    target: "/",
    headers: SPACED,
    signedHeaders: "host;my-header1;my-header2",
    signature: "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4",
  },
  {
    name: "get-header-value-order",
    target: "/",
    headers: ORDERED,
    signedHeaders: "host;my-header1",
    signature: "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e",
  },
  {
    name: "get-space",
    target: "/example%20space/",
    signature: "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6",
  },
  {
    name: "get-vanilla-utf8-query",
    target: "/?%E1%88%B4=bar",
    signature: "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600",
  },
  {
    name: "get-vanilla-query-unreserved",
    target: `/?${UNRESERVED}=${UNRESERVED}`,
    signature: "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
  },
]

/** The suite's secret access key, which is no key; put together, since it looks like one. */
export const AWS_EXAMPLE_KEY = ["wJalrXUtnFEMI", "K7MDENG+bPxRfiCYEXAMPLEKEY"].join("/")
/** The one of the pages on S3. */
export const S3_EXAMPLE_KEY = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"].join("/")

const SCOPE = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
const TIME = "20150830T123600Z"

/** A case of the suite, signed in its header, as a request on the wire. */
export function headerRequest(made: AwsCase): SignedRequest {
  const { signedHeaders = "host;x-amz-date" } = made
  return requestOf(made, "", [
    ["Host", "example.amazonaws.com"],
    ...(made.headers ?? []),
    [
      "Authorization",
      `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=${signedHeaders}, Signature=${made.signature}`,
    ],
    ["X-Amz-Date", TIME],
  ])
}

/** A case of the suite, signed in its query. */
export function queryRequest(made: AwsCase): SignedRequest {
  const { signedHeaders = "host" } = made
  const signed = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    `X-Amz-Credential=${encodeURIComponent(SCOPE)}`,
    `X-Amz-Date=${TIME}`,
    `X-Amz-SignedHeaders=${encodeURIComponent(signedHeaders)}`,
    "X-Amz-Expires=3600",
    `X-Amz-Signature=${made.signature}`,
  ].join("&")
  return requestOf(made, signed, [["Host", "example.amazonaws.com"], ...(made.headers ?? [])])
}

function requestOf(
  { method = "GET", target }: AwsCase,
  more: string,
  headers: SignedRequest["headers"],
): SignedRequest {
  const [path = "", query = ""] = target.split("?")
  return { method, path, query: [query, more].filter(Boolean).join("&"), headers }
}
