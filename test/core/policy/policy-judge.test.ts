import { describe, expect, test } from "vitest"
import { conditionProblem, judgeBy, judgeIn } from "../../../src/core/policy/policy-judge.js"
import { NO_REQUEST, type PolicyQuestion } from "../../../src/core/policy/policy-question.js"
import {
  type PolicyEffect,
  type PolicyRule,
  decodePolicy,
  encodePolicy,
} from "../../../src/core/policy/policy-rules.js"
import { encodeRecord } from "../../../src/core/records/record.js"
import { VaultError } from "../../../src/core/words/errors.js"

const VAULT = "0123456789abcdef0123456789abcdef"
const QUESTION: PolicyQuestion = {
  agent: "ci",
  door: "run",
  secret: { name: "stripe/api-key", group: "stripe", reveal: "allow", tags: ["pci", "prod"] },
  request: NO_REQUEST,
  session: { client: "claude", project: null },
  time: new Date("2026-11-29T09:00:00Z"),
}

function rule(effect: PolicyEffect, when = "true", name = `${effect} ${when}`): PolicyRule {
  return { name, when, effect }
}

/** What rules say to the question. */
async function said(...rules: PolicyRule[]) {
  return (await judgeBy(rules)).decide(QUESTION)
}

test("a project that nobody said is null, and what asks a text of it denies", async () => {
  const judge = await judgeBy([
    rule("allow", 'session.project == null || session.project == "/work/pay"', "known"),
  ])
  const at = (project: string | null) =>
    judge.decide({ ...QUESTION, session: { client: "", project } }).effect
  expect([at(null), at("/work/pay"), at("/work/other")]).toEqual(["allow", "allow", "deny"])
  const asksText = await judgeBy([
    rule("allow"),
    rule("confirm", 'session.project.startsWith("/work/")', "at work"),
  ])
  expect(asksText.decide({ ...QUESTION, session: { client: "", project: "/home" } })).toMatchObject(
    {
      effect: "allow",
    },
  )
  expect(asksText.decide(QUESTION)).toMatchObject({ effect: "deny", rule: "at work" })
  expect(await conditionProblem([rule("allow", "session.project")])).toContain("has to be a bool")
})

describe("which rule decides", () => {
  test("deny wins over confirm, and confirm over allow, in whatever order they stand", async () => {
    const [allow, confirm, deny] = [rule("allow"), rule("confirm"), rule("deny")]
    expect(await said(allow, confirm, deny)).toEqual({ effect: "deny", rule: deny.name })
    expect(await said(deny, confirm, allow)).toEqual({ effect: "deny", rule: deny.name })
    expect(await said(allow, confirm)).toEqual({ effect: "confirm", rule: confirm.name })
    expect(await said(allow, rule("deny", "false"))).toEqual({ effect: "allow", rule: allow.name })
  })

  test("the first of those that win is named", async () => {
    expect((await said(rule("allow", "true", "one"), rule("allow", "true", "two"))).rule).toBe(
      "one",
    )
  })

  test("where none holds, it is denied", async () => {
    expect(await said(rule("allow", "false"), rule("confirm", 'agent == "deploy"'))).toEqual({
      effect: "deny",
    })
  })

  test.each(["allow", "confirm", "deny"] as const)(
    "an error in a rule that would %s denies",
    async (effect) => {
      const broken = rule(effect, "1 / 0 == 1", "broken")
      for (const rules of [
        [rule("allow"), broken],
        [broken, rule("allow")],
      ]) {
        expect(await said(...rules)).toEqual({
          effect: "deny",
          rule: "broken",
          error: "division by zero",
        })
      }
    },
  )

  test.each(['"yes"', "1", "[true]", "{}", "dyn(true)", "agent"])(
    "%s is neither true nor false, so it denies",
    async (when) => {
      expect(await said(rule("allow"), rule("allow", when))).toMatchObject({ effect: "deny" })
      expect(await said(rule("deny", when), rule("allow"))).toMatchObject({ effect: "deny" })
    },
  )
})

describe("what a condition may ask", () => {
  test.each([
    'agent == "ci" && door == "run" && session.client == "claude"',
    'secret.name.startsWith("stripe/") && secret.group == "stripe" && secret.reveal == "allow"',
    '"pci" in secret.tags && !("pc" in secret.tags) && size(secret.tags) == 2',
    'secret.tags.all(tag, tag.startsWith("p"))',
    'request.host == "" && request.method == "" && request.path == ""',
    'time.getHours() == 9 && time.getDayOfWeek("Europe/Berlin") == 0',
    'time > timestamp("2026-01-01T00:00:00Z")',
    '["run", "sdk"].exists(each, each == door)',
  ])("%s", async (when) => {
    expect(await conditionProblem([rule("allow", when)])).toBeUndefined()
    expect((await said(rule("allow", when))).effect).toBe("allow")
  })

  test.each([
    ["secret.value == []", "No such key: value"],
    ["owner == 1", "Unknown variable: owner"],
    ["agent == 1", "no such overload"],
    ["agent ==", "Unexpected"],
    ["agent", "it is of type string"],
    ["dyn(agent)", "it is of type dyn"],
    ["__proto__ == 1", "Reserved"],
    ["agent.constructor == 1", "Cannot index"],
    ["secret.toString == 1", "No such key"],
  ])("not %s", async (when, why) => {
    expect(await conditionProblem([rule("allow", when, "mine")])).toMatch(`the rule mine: ${why}`)
    expect((await said(rule("allow"), rule("allow", when))).effect).toBe("deny")
  })

  // Its time would grow without bound with the path of a program's request.
  test.each([
    'request.path.matches("(a+)+$")',
    '["(a+)+$"].exists(pattern, request.path.matches(pattern))',
    'request.path . matches ("a")',
    'matches(request.path, "a")',
  ])("no regular expression: %s", async (when) => {
    expect(await conditionProblem([rule("deny", when)])).toMatch("there is no matches here")
    expect(await said(rule("deny", when), rule("allow"))).toMatchObject({
      effect: "deny",
      rule: expect.stringMatching("matches") as string,
    })
  })

  test("nothing that is deeper, or has more parts, than people review", async () => {
    const deep = `${"(".repeat(100)}true${")".repeat(100)}`
    const long = Array.from({ length: 300 }, () => "true").join(" && ")
    for (const when of [deep, long]) {
      expect(await conditionProblem([rule("allow", when)])).toBeDefined()
      expect((await said(rule("allow", when))).effect).toBe("deny")
    }
  })
})

describe("a policy.json", () => {
  const RULES = [rule("allow", "true", "one"), rule("deny", "false", "two")]

  test("comes back as it was written", async () => {
    const bytes = encodePolicy(VAULT, RULES)
    expect(decodePolicy(bytes, VAULT)).toEqual(RULES)
    expect((await judgeIn(bytes, VAULT)).decide(QUESTION)).toEqual({ effect: "allow", rule: "one" })
  })

  const record = { format: 5, kind: "policy", path: "policy.json", rules: RULES, vault: VAULT }
  test.each([
    ["of another vault", { ...record, vault: VAULT.replace("0", "1") }],
    ["of another kind", { ...record, kind: "vault" }],
    ["of another path", { ...record, path: "vault.json" }],
    ["of a format that had none", { ...record, format: 1 }],
    ["with a member more", { ...record, owner: "mallory" }],
    ["without rules", { ...record, rules: [] }],
    ["with rules that are no list", { ...record, rules: { length: 1, 0: RULES[0] } }],
    ["with two rules of one name", { ...record, rules: [RULES[0], RULES[0]] }],
    ["with a rule that has no effect", { ...record, rules: [{ name: "a", when: "true" }] }],
    ["with another effect", { ...record, rules: [{ ...RULES[0], effect: "ALLOW" }] }],
    ["with a rule that says more", { ...record, rules: [{ ...RULES[0], unless: "x" }] }],
    ["with a name of two lines", { ...record, rules: [{ ...RULES[0], name: "a\nb" }] }],
    ["with an empty condition", { ...record, rules: [{ ...RULES[0], when: " " }] }],
    ["with a condition too long", { ...record, rules: [{ ...RULES[0], when: "x".repeat(2001) }] }],
  ])("%s is refused", (_what, document) => {
    expect(() => decodePolicy(encodeRecord(document), VAULT)).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }) as Error,
    )
  })

  test.each([
    ["in another encoding", Buffer.from(JSON.stringify(record))],
    ["that is no JSON", Buffer.from("{")],
    ["that is null", Buffer.from("null")],
    ["that is no UTF-8", Buffer.from([0xff])],
  ])("%s is refused", (_what, bytes) => {
    expect(() => decodePolicy(bytes, VAULT)).toThrow(VaultError)
  })

  test("of a format to come is told as one", () => {
    const bytes = encodeRecord({ ...record, format: 99, more: true })
    expect(() => decodePolicy(bytes, VAULT)).toThrow(
      expect.objectContaining({ code: "FORMAT_NEWER" }) as Error,
    )
  })
})
