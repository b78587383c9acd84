import { describe, expect, test } from "vitest"
import { Agreements, type Ask, type AskedSending } from "../../../src/broker/proxy/asking.js"
import type { Choice } from "../../../src/questions/question.js"

const ASKED: AskedSending = {
  secret: "stripe/api-key",
  method: "GET",
  target: { host: "api.stripe.test", port: 443 },
  path: "/v1/charges",
}
const IN_SESSION = { ask: "session", body: undefined } as const

/** How several requests that come at once end, and how often a person was asked. */
async function atOnce(answers: readonly Choice[], requests = 3) {
  let asked = 0
  const ask: Ask = () => Promise.resolve({ choice: answers[asked++] ?? "no" })
  const agreements = new Agreements(ask, "sh, as the agent ci")
  const all = Array.from({ length: requests }, () => agreements.require(ASKED, IN_SESSION))
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
