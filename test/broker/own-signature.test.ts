import { describe, expect, test } from "vitest"
import type { Use } from "../../src/core/index.js"
import type { WireRequest } from "../../src/serving/serving.js"
import { signedOwn } from "../../src/broker/own-signature.js"
import { signerOf } from "../../src/broker/sign/in-session.js"

const RULE: Use = {
  hosts: ["*.amazonaws.com"],
  methods: ["GET"],
  paths: ["/**"],
  at: ["header:authorization"],
  scheme: "sigv4",
  ask: "never",
  user: "AKIAEXAMPLEEXAMPLE00",
}
const REQUEST: WireRequest = {
  method: "GET",
  authority: "unused:443",
  target: "/",
  headers: [["X-Amz-Date", "of somebody else"]],
  body: new Uint8Array(),
}

function credentialFor(host: string, scope?: string): string {
  const signs = { secret: "aws/key", rule: RULE, scope }
  const { headers } = signedOwn(REQUEST, host, signs, "a-placeholder")
  const [, value = ""] = headers.find(([name]) => name === "authorization") ?? []
  return /Credential=([^,]+)/.exec(value)?.[1]?.replace(/\/\d{8}\//, "/DAY/") ?? ""
}

describe("a signature of AWS", () => {
  test.each([
    ["sts.amazonaws.com", "us-east-1/sts"],
    ["sts.eu-central-1.amazonaws.com", "eu-central-1/sts"],
    ["s3.amazonaws.com", "us-east-1/s3"],
    ["a.bucket.s3.amazonaws.com", "us-east-1/s3"],
    ["bucket.s3.eu-west-1.amazonaws.com", "eu-west-1/s3"],
    ["bucket.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1/s3"],
    ["dynamodb-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1/dynamodb"],
    ["abc123.execute-api.us-east-2.amazonaws.com", "us-east-2/execute-api"],
    ["sts.cn-north-1.amazonaws.com.cn", "cn-north-1/sts"],
  ])("to %s is for %s", (host, scope) => {
    expect(credentialFor(host)).toBe(`${RULE.user}/DAY/${scope}/aws4_request`)
  })

  test.each([
    "amazonaws.com",
    "api.example.com",
    "amazonaws.com.example.com",
    "eu-west-1.amazonaws.com",
  ])("to %s needs to be told for whom", (host) => {
    expect(() => credentialFor(host)).toThrow(expect.objectContaining({ code: "USAGE" }))
    expect(credentialFor(host, "eu-west-1/s3")).toContain("/eu-west-1/s3/")
  })

  test("has its own date, once", () => {
    const signs = { secret: "aws/key", rule: RULE }
    const { headers } = signedOwn(REQUEST, "sts.amazonaws.com", signs, "a-placeholder")
    const dates = headers.filter(([name]) => name.toLowerCase() === "x-amz-date")
    expect(dates).toEqual([["x-amz-date", expect.stringMatching(/^\d{8}T\d{6}Z$/)]])
  })
})

test("by a rule that names no key is in the name that the broker puts a lease's in place of", () => {
  const { user: _user, ...rule } = RULE
  const signs = { secret: "aws/agents", rule }
  const { headers } = signedOwn(REQUEST, "sts.amazonaws.com", signs, "a-placeholder")
  const [, value] = headers.find(([name]) => name === "authorization") ?? []
  expect(value).toContain(`Credential=${signerOf(rule)}/`)
})
