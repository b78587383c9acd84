import { describe, expect, test } from "vitest"
import type { AskBy, PersonAnswer } from "../../src/questions/question.js"
import { Questions } from "../../src/questions/questions.js"
import { TO_CHOOSE, TO_ENTER } from "./asked.js"

const says =
  (answer: PersonAnswer): AskBy =>
  () =>
    Promise.resolve(answer)
const silent: AskBy = () => new Promise(() => {})
const value = Buffer.from("test-only")

describe("a person is asked", () => {
  test("by the first means that reaches them", async () => {
    const asked: string[] = []
    const noted =
      (name: string, answer: PersonAnswer): AskBy =>
      () => {
        asked.push(name)
        return Promise.resolve(answer)
      }
    const questions = new Questions([
      noted("no terminal", { without: "unsupported" }),
      () => Promise.reject(new Error("broken")),
      noted("broke", { without: "failed" }),
      noted("page", { choice: "once" }),
      noted("after that", { choice: "session" }),
    ])
    expect(await questions.choose(TO_CHOOSE)).toEqual({ choice: "once" })
    expect(asked).toEqual(["no terminal", "broke", "page"])
  })

  test.each([{ choice: "no" }, { without: "decline" }, { without: "cancel" }] as const)(
    "once: after %j nobody asks elsewhere",
    async (answer) => {
      const questions = new Questions([says(answer), says({ choice: "once" })])
      expect(await questions.choose(TO_CHOOSE)).toEqual(answer)
    },
  )

  test("one question after the other", async () => {
    let open = 0
    let most = 0
    const means: AskBy = async () => {
      open += 1
      most = Math.max(most, open)
      await new Promise(setImmediate)
      open -= 1
      return { choice: "once" }
    }
    const questions = new Questions([means])
    await Promise.all([1, 2, 3].map(() => questions.choose(TO_CHOOSE)))
    expect(most).toBe(1)
  })

  test("what they were asked, whatever becomes of the question", async () => {
    const question = { ...TO_CHOOSE, secret: "stripe/api-key" as string }
    let shown = ""
    const questions = new Questions([
      (seen) => {
        shown = seen.secret
        return Promise.resolve({ choice: "once" })
      },
    ])
    const answer = questions.choose(question)
    question.secret = "db/password"
    await answer
    expect(shown).toBe("stripe/api-key")
  })
})

describe("no answer is a no", () => {
  test("without a means, or with none that can", async () => {
    expect(await new Questions([]).choose(TO_CHOOSE)).toEqual({ without: "unsupported" })
    const cannot = new Questions([says({ without: "failed" })])
    expect(await cannot.enter(TO_ENTER)).toEqual({ without: "failed" })
  })

  test("when it takes too long, and the next question has its turn", async () => {
    let isFirst = true
    let hasEnded = false
    const means: AskBy = (question, signal, until) => {
      expect(until).toBeGreaterThan(Date.now() - 1000)
      if (!isFirst) return says({ choice: "once" })(question, signal, until)
      isFirst = false
      signal.addEventListener("abort", () => (hasEnded = true))
      return silent(question, signal, until)
    }
    const questions = new Questions([means], 20)
    expect(await questions.choose(TO_CHOOSE)).toEqual({ without: "timeout" })
    expect(hasEnded).toBe(true)
    expect(await questions.choose(TO_CHOOSE)).toEqual({ choice: "once" })
  })

  test("when nobody waits for it any more", async () => {
    const gone = new AbortController()
    const questions = new Questions([silent])
    const answer = questions.choose(TO_CHOOSE, gone.signal)
    gone.abort()
    expect(await answer).toEqual({ without: "cancel" })
    expect(await questions.choose(TO_CHOOSE, gone.signal)).toEqual({ without: "cancel" })
  })

  test("when it is an answer to something else", async () => {
    const each = { ...TO_CHOOSE, yes: { once: "for this request alone" } }
    const forSession = new Questions([says({ choice: "session" })])
    expect(await forSession.choose(each)).toMatchObject({ without: "failed" })
    const ofOtherKind = new Questions([says({ value })])
    expect(await ofOtherKind.choose(TO_CHOOSE)).toMatchObject({ without: "failed" })
    expect(await forSession.enter(TO_ENTER)).toEqual({ without: "failed" })
    const no = new Questions([says({ choice: "no" })])
    expect(await no.enter(TO_ENTER)).toEqual({ without: "decline" })
    expect(await ofOtherKind.enter(TO_ENTER)).toEqual({ value })
  })
})
