import { describe, expect, test } from "vitest"
import { describeLease, parseLease } from "../../../src/core/records/lease-words.js"
import { isSameLease, leaseProblem } from "../../../src/core/records/lease.js"
import { outcome } from "../world.js"

const APP = ["app=12345", "installation=678"]

test("a lease is what was written, with GitHub's own endpoint, lists sorted", () => {
  const lease = parseLease("github-app", [...APP, "permissions=issues:write,contents:read"])
  expect(lease).toEqual({
    kind: "github-app",
    app: "12345",
    installation: "678",
    endpoint: "https://api.github.com",
    permissions: "contents:read,issues:write",
  })
  expect(describeLease(lease)).toBe(
    "github-app 12345/678 at api.github.com (contents:read,issues:write)",
  )
  const own = parseLease("github-app", [...APP, "endpoint=https://github.example/api/v3"])
  expect(describeLease(own)).toBe("github-app 12345/678 at github.example/api/v3")
  const other = parseLease("github-app", [...APP, "permissions=contents:read,issues:write"])
  expect(isSameLease(lease, other)).toBe(true)
  expect(isSameLease(lease, parseLease("github-app", APP))).toBe(false)
  expect(isSameLease(undefined, undefined)).toBe(true)
})

const OAUTH = ["client=my-client", "endpoint=https://login.example/token"]

test("a lease of OAuth shows a client's secret in the header, if nothing else is said", () => {
  const lease = parseLease("oauth", OAUTH)
  expect(lease).toMatchObject({ kind: "oauth", client: "my-client", auth: "basic" })
  expect(describeLease(lease)).toBe("oauth my-client at login.example/token")
  const more = ["scope=write,read", "successors=agent:ci", "revoke=https://login.example/end"]
  expect(describeLease(parseLease("oauth", [...OAUTH, ...more]))).toBe(
    "oauth my-client at login.example/token (read,write; successors agent:ci; ended at login.example/end)",
  )
})

const VAULT = ["endpoint=https://vault.example:8200", "path=database/creds/app"]

test("a lease of Vault says which text its fields make", () => {
  const said = [...VAULT, "value={username},{password}", "role=a-role", "namespace=team/a"]
  expect(describeLease(parseLease("vault", said))).toBe(
    "vault database/creds/app at vault.example:8200 ({username},{password}; role a-role; namespace team/a)",
  )
})

const STS = ["region=cn-north-1", "role=arn:aws-cn:iam::123456789012:role/agents"]

test("a lease of AWS STS asks its region's, and lasts an hour, if nothing else is said", () => {
  const lease = parseLease("aws-sts", STS)
  expect(lease).toMatchObject({
    duration: "3600",
    value: expect.stringContaining('{"Version":1,') as string,
  })
  expect(describeLease(lease)).toBe(
    "aws-sts arn:aws-cn:iam::123456789012:role/agents at sts.cn-north-1.amazonaws.com.cn (3600 seconds)",
  )
  const own = ["region=us-east-1", "endpoint=https://sts.example", "value={session_token}"]
  expect(describeLease(parseLease("aws-sts", own))).toBe(
    "aws-sts its own user in us-east-1 at sts.example ({session_token}; 3600 seconds)",
  )
})

test("what is said of a role needs the role", () => {
  for (const of of ["session=agents", "external=an-id"]) {
    const without = (): unknown => parseLease("aws-sts", ["region=us-east-1", of])
    expect(without).toThrow("a lease of aws-sts needs --with role= as well")
  }
})

describe("refused is", () => {
  test.each([
    ["another kind", "none-such", APP],
    ["a kind that every object has", "constructor", APP],
    ["too little", "github-app", ["app=12345"]],
    ["what it does not know", "github-app", [...APP, "scope=all"]],
    ["the same twice", "github-app", [...APP, "app=1"]],
    ["no pair", "github-app", [...APP, "endpoint"]],
    ["an empty text", "github-app", ["app=", "installation=678"]],
    ["an empty list", "github-app", [...APP, "repositories="]],
    ["another permission", "github-app", [...APP, "permissions=contents"]],
    ["plain HTTP", "github-app", [...APP, "endpoint=http://api.github.com"]],
    ["a user", "github-app", [...APP, "endpoint=https://me@api.github.com"]],
    ["a query", "github-app", [...APP, "endpoint=https://api.github.com/?a=b"]],
    ["a slash at the end", "github-app", [...APP, "endpoint=https://api.github.com/"]],
    ["a port that there is not", "github-app", [...APP, "endpoint=https://github.example:99999"]],
    ["half an address", "github-app", [...APP, "endpoint=https://10.0.0.1.2"]],
    ["a way up", "github-app", [...APP, "installation=678/../1"]],
    ["no token endpoint", "oauth", ["client=my-client"]],
    ["another way to show a secret", "oauth", [...OAUTH, "auth=jwt"]],
    ["a scope with a blank", "oauth", [...OAUTH, "scope=read write"]],
    ["a resource that is no address", "oauth", [...OAUTH, "resource=api"]],
    ["a resource with a fragment", "oauth", [...OAUTH, "resource=https://a.example/#b"]],
    ["an end by plain HTTP", "oauth", [...OAUTH, "revoke=http://login.example/end"]],
    ["an end at a port that there is not", "oauth", [...OAUTH, "revoke=https://h:99999"]],
    ["no agent", "oauth", [...OAUTH, "successors=agent:"]],
    ["a way up instead of an agent", "oauth", [...OAUTH, "successors=agent:../ci"]],
    ["no text", "vault", VAULT],
    ["a text without a field", "vault", [...VAULT, "value={}"]],
    ["a text of two lines", "vault", [...VAULT, "value={a}\n"]],
    ["a path with a way up", "vault", [...VAULT.slice(0, 1), "path=a/../b", "value={a}"]],
    ["a path from the top", "vault", [...VAULT.slice(0, 1), "path=/a", "value={a}"]],
    ["a path with a query", "vault", [...VAULT.slice(0, 1), "path=a?list=true", "value={a}"]],
    ["a namespace of two lines", "vault", [...VAULT, "value={a}", "namespace=a\nb"]],
    ["no region", "aws-sts", STS.slice(1)],
    ["another host as a region", "aws-sts", ["region=a.example/"]],
    ["no role", "aws-sts", ["region=us-east-1", "role=agents"]],
    ["a user as a role", "aws-sts", ["region=us-east-1", "role=arn:aws:iam::123456789012:user/a"]],
    ["too short a time", "aws-sts", [...STS, "duration=899"]],
    ["a time that is no number", "aws-sts", [...STS, "duration=1h"]],
    ["no endpoint", "aws-sts", [...STS, "endpoint="]],
    ["a text without a field of STS", "aws-sts", [...STS, "value={}"]],
    ["a text with another field", "aws-sts", [...STS, "value={session_token}{username}"]],
    ["a session of two words", "aws-sts", [...STS, "session=a b"]],
    ["another line", "github-app", [...APP, "endpoint=https://api.github.com\n"]],
  ])("%s", async (_what, kind, said) => {
    expect(await outcome(new Promise((resolve) => resolve(parseLease(kind, said))))).toBe("USAGE")
  })
})

describe("in a record there is", () => {
  const lease = { ...parseLease("github-app", APP) }
  test("what was written", () => expect(leaseProblem({ lease })).toBe(undefined))
  test.each([
    ["no other kind", { ...lease, kind: "any" }, "kind"],
    ["no other member", { ...lease, secret: "x" }, "secret"],
    ["none of a prototype", { ...lease, constructor: "x" }, "constructor"],
    ["no other order", { ...lease, repositories: "web,api" }, "repositories"],
    ["nothing twice", { ...lease, repositories: "api,api" }, "repositories"],
    ["nothing empty", { ...lease, permissions: "" }, "permissions"],
    ["no endpoint that nothing can ask", { ...lease, endpoint: "https://h:99999" }, "endpoint"],
    ["no endpoint left out", { kind: "github-app", app: "1", installation: "2" }, "endpoint"],
  ])("%s", (_what, other, where) => {
    expect(leaseProblem({ lease: other })).toContain(`/lease/${where} `)
  })
})
