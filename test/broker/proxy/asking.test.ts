import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { Agreements, type Ask, type AskedSending } from "../../../src/broker/proxy/asking.js"
import type { VaultError } from "../../../src/core/index.js"
import type { Choice, ChoiceQuestion } from "../../../src/questions/question.js"

const ASKED: AskedSending = {
  secret: "stripe/api-key",
  method: "GET",
  target: { host: "api.stripe.test", port: 443 },
  path: "/v1/charges",
}
const IN_SESSION = { ask: "session", body: undefined } as const

/** How several requests that come at once end, and how often a person was asked. */
async function atOnce(answers: readonly Choice[]) {
  let asked = 0
  const ask: Ask = () => Promise.resolve({ choice: answers[asked++] ?? "no" })
  const agreements = new Agreements(ask, "sh, as the agent ci")
  const all = Array.from({ length: 3 }, () => agreements.require(ASKED, IN_SESSION))
  const ends = (await Promise.allSettled(all)).map(({ status }) => status)
  return { yes: ends.filter((end) => end === "fulfilled").length, asked }
}

describe("requests that are the same and wait at once", () => {
  test("all have a yes for the session, which is asked for once", async () => {
    expect(await atOnce(["session"])).toEqual({ yes: 3, asked: 1 })
  })

  test("share no yes for once: the next is asked about", async () => {
    expect(await atOnce(["once", "no"])).toEqual({ yes: 1, asked: 2 })
    expect(await atOnce(["once", "once", "session"])).toEqual({ yes: 3, asked: 3 })
  })

  test("share a no, and one that comes later is asked about again", async () => {
    expect(await atOnce(["no"])).toEqual({ yes: 0, asked: 1 })
  })
})

test("a program that is gone withdraws its question where each is asked about", async () => {
  const gone = new AbortController()
  let seen: AbortSignal | undefined
  const ask: Ask = (_question, signal) => {
    seen = signal
    return Promise.resolve({ without: "cancel" })
  }
  const how = { ask: "each", body: undefined, gone: gone.signal } as const
  await expect(new Agreements(ask, "sh").require(ASKED, how)).rejects.toMatchObject({
    code: "ASK_REFUSED",
  })
  expect(seen).toBe(gone.signal)
})

/** A person whose answers come when they are given, and the signals that end their questions. */
function thinking() {
  const open: { answer: (said: Choice) => void; signal: AbortSignal | undefined }[] = []
  const ask: Ask = (_question, signal) =>
    new Promise((resolve) => {
      open.push({ answer: (choice) => resolve({ choice }), signal })
      signal?.addEventListener("abort", () => resolve({ without: "cancel" }))
    })
  return { agreements: new Agreements(ask, "sh"), open }
}

describe("a question for the session, whose programs give up", () => {
  test("is withdrawn with the last of them, and the next one is asked anew", async () => {
    const { agreements, open } = thinking()
    const [one, other] = [new AbortController(), new AbortController()]
    const waits = [one, other].map(({ signal }) =>
      agreements.require(ASKED, { ...IN_SESSION, gone: signal }),
    )
    const ends = Promise.allSettled(waits)
    one.abort()
    expect([open.length, open[0]?.signal?.aborted]).toEqual([1, false])
    other.abort()
    expect(open[0]?.signal?.aborted).toBe(true)
    // Before it is known how the first one ended.
    const next = agreements.require(ASKED, IN_SESSION)
    expect(open).toHaveLength(2)
    open[1]?.answer("session")
    await next
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"])
    await agreements.require(ASKED, IN_SESSION)
    expect(open).toHaveLength(2)
  })

  test("counts for those who still wait, and for nobody who is gone", async () => {
    const { agreements, open } = thinking()
    const gone = new AbortController()
    const left = agreements.require(ASKED, { ...IN_SESSION, gone: gone.signal })
    const stays = agreements.require(ASKED, IN_SESSION)
    gone.abort()
    open[0]?.answer("session")
    await expect(left).rejects.toMatchObject({ code: "ASK_REFUSED" })
    await stays
    expect(open).toHaveLength(1)
  })

  test("is not asked for one that is gone already", async () => {
    const { agreements, open } = thinking()
    const how = { ...IN_SESSION, gone: AbortSignal.abort() }
    await expect(agreements.require(ASKED, how)).rejects.toMatchObject({ code: "ASK_REFUSED" })
    expect(open.map(({ signal }) => signal?.aborted)).toEqual([true])
  })
})

test("a program that is told of a no is not told to try again; nor is it noted that nobody was asked", async () => {
  const said = [
    { choice: "no" },
    { without: "decline" },
    { choice: "no-more" },
    { without: "unwanted" },
    { without: "timeout" },
  ] as const
  const answers = [...said]
  const ask: Ask = () => Promise.resolve(answers.shift() ?? { without: "timeout" })
  const agreements = new Agreements(ask, "sh")
  const noted: string[] = []
  const refusals: string[] = []
  const how = { ...IN_SESSION, onAnswer: (answer: string): unknown => noted.push(answer) }
  for (const _ of said) {
    await agreements.require(ASKED, how).catch((error: unknown) => {
      const { code, message, hint } = error as VaultError
      refusals.push(`${code}: ${message}: ${hint}`)
    })
  }
  const request = "GET api.stripe.test:443 with stripe/api-key"
  const silent = "go on without stripe/api-key: nobody is asked about it again in this session"
  expect(refusals).toEqual([
    `ASK_REFUSED: a person said no to ${request}: go on without it, and do not ask again`,
    `ASK_REFUSED: the MCP client said no to ${request}: go on without it, and do not ask again`,
    `ASK_REFUSED: a person said no to ${request}, for this session: ${silent}`,
    `ASK_REFUSED: a person said no to ${request}, for this session: ${silent}`,
    `ASK_REFUSED: nobody agreed to ${request}: a person says yes when they are asked; then send the request again`,
  ])
  expect(noted).toEqual(["no", "unanswered", "no-more", "unanswered"])
})

/** What differs from {@link ASKED} in one thing. */
const OTHERS: readonly (readonly [what: string, asked: AskedSending])[] = [
  ["secret", { ...ASKED, secret: "stripe/webhook" }],
  ["method", { ...ASKED, method: "DELETE" }],
  ["host", { ...ASKED, target: { host: "api.stripe.test.evil.test", port: 443 } }],
  ["port", { ...ASKED, target: { host: "api.stripe.test", port: 8443 } }],
  ["path", { ...ASKED, path: "/v1/payouts" }],
]
const BODY = Buffer.from("amount=1")

/** A person who says yes to the first question, for the session, and no to each one after it. */
function yesOnce(): { agreements: Agreements; questions: ChoiceQuestion[] } {
  const questions: ChoiceQuestion[] = []
  const ask: Ask = (question) => {
    questions.push(question)
    return Promise.resolve({ choice: questions.length === 1 ? "session" : "no" })
  }
  return { agreements: new Agreements(ask, "sh, as the agent ci"), questions }
}

describe("a yes for the session", () => {
  test.each(OTHERS)("is for no other %s", async (_, other) => {
    const { agreements, questions } = yesOnce()
    await agreements.require(ASKED, IN_SESSION)
    // The same is not asked again.
    await agreements.require(ASKED, IN_SESSION)
    expect(questions.length).toBe(1)
    await expect(agreements.require(other, IN_SESSION)).rejects.toMatchObject({
      code: "ASK_REFUSED",
    })
    const { secret, method, path, target } = other
    const host = `${target.host}:${target.port}`
    expect(questions[1]).toMatchObject({ secret, request: { method, host, path } })
  })

  test.each([
    ["without a body", undefined],
    ["with one", BODY],
  ])("is none where each request is asked about, %s", async (_, body) => {
    const { agreements } = yesOnce()
    await agreements.require(ASKED, { ask: "session", body })
    await expect(agreements.require(ASKED, { ask: "each", body })).rejects.toMatchObject({
      code: "ASK_REFUSED",
    })
  })
})

test("a question shows the beginning of a long query, and how much of it is not shown", async () => {
  const { agreements, questions } = yesOnce()
  const [begin, rest] = ["?amount=1000000&x=", "y".repeat(60_000)]
  await agreements.require(ASKED, { ...IN_SESSION, query: `${begin}${rest}&amount=1` })
  const shown = questions[0]?.request?.path ?? ""
  expect(shown).toContain(`/v1/charges${begin}yyy`)
  const whole = `/v1/charges${begin}${rest}&amount=1`.length
  expect(shown).toMatch(new RegExp(`y … and ${whole - 1000} more characters, which are not shown$`))
  expect(shown.length).toBeLessThan(1100)
})

describe("where each request is asked about", () => {
  test("a yes replays nowhere, also one that was meant for the session", async () => {
    const { agreements } = yesOnce()
    await agreements.require(ASKED, { ask: "each", body: BODY })
    for (const ask of ["each", "session"] as const) {
      await expect(agreements.require(ASKED, { ask, body: BODY })).rejects.toMatchObject({
        code: "ASK_REFUSED",
      })
    }
  })

  test("the question has the digest of that body, and of no other", async () => {
    const { agreements, questions } = yesOnce()
    for (const body of [BODY, Buffer.from("amount=100000"), Buffer.alloc(0)]) {
      await agreements.require(ASKED, { ask: "each", body }).catch(() => {})
      const digest = createHash("sha256").update(body).digest("hex")
      expect(questions.at(-1)?.request?.body).toBe(`sha256:${digest}`)
    }
  })
})
