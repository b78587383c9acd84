import { afterEach, describe, expect, test, vi } from "vitest"
import type { AskBy, PersonAnswer } from "../../src/questions/question.js"
import { Questions } from "../../src/questions/questions.js"
import { TO_CHOOSE, TO_ENTER } from "./asked.js"

const says =
  (answer: PersonAnswer): AskBy =>
  () =>
    Promise.resolve(answer)
const silent: AskBy = (_question, signal) =>
  new Promise((resolve) => {
    const end = (): void => resolve({ without: "timeout" })
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
  })
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

  test("one question after the other, also where one in the line is withdrawn", async () => {
    const shown: string[] = []
    const answers: ((answer: PersonAnswer) => void)[] = []
    const questions = new Questions([
      ({ what }) => {
        shown.push(what)
        return new Promise((resolve) => answers.push(resolve))
      },
    ])
    const gone = new AbortController()
    const first = questions.choose({ ...TO_CHOOSE, what: "first" })
    const left = questions.choose({ ...TO_CHOOSE, what: "left" }, gone.signal)
    gone.abort()
    expect(await left).toEqual({ without: "cancel" })
    const last = questions.choose({ ...TO_CHOOSE, what: "last" })
    await new Promise(setImmediate)
    expect(shown).toEqual(["first"])
    answers[0]?.({ choice: "once" })
    await first
    await expect.poll(() => shown).toEqual(["first", "last"])
    answers[1]?.({ choice: "no" })
    expect(await last).toEqual({ choice: "no" })
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
    const each = { ...TO_CHOOSE, yes: { once: "for this request alone" }, noMore: undefined }
    const forSession = new Questions([says({ choice: "session" })])
    expect(await forSession.choose(each)).toMatchObject({ without: "failed" })
    const forAll = new Questions([says({ choice: "no-more" })])
    expect(await forAll.choose(each)).toMatchObject({ without: "failed" })
    const ofOtherKind = new Questions([says({ value })])
    expect(await ofOtherKind.choose(TO_CHOOSE)).toMatchObject({ without: "failed" })
    expect(await forSession.enter(TO_ENTER)).toEqual({ without: "failed" })
    const no = new Questions([says({ choice: "no" })])
    expect(await no.enter(TO_ENTER)).toEqual({ without: "decline" })
    expect(await ofOtherKind.enter(TO_ENTER)).toEqual({ value })
  })
})

/** Answers of a person, one after the other, and what they were asked. */
function saying(...answers: readonly PersonAnswer[]) {
  const asked: string[] = []
  const means: AskBy = ({ secret }) =>
    Promise.resolve(answers[asked.push(secret) - 1] ?? { choice: "once" })
  return { questions: new Questions([means]), asked }
}

describe("who wants no more questions", () => {
  test("about a secret is asked none, whatever the request, nor those that wait", async () => {
    const { questions, asked } = saying({ choice: "no-more" })
    const other = { ...TO_CHOOSE, request: { ...TO_CHOOSE.request, path: "/v1/other" } }
    const answers = [TO_CHOOSE, other, TO_CHOOSE].map((question) => questions.choose(question))
    expect(await Promise.all(answers)).toEqual([
      { choice: "no-more" },
      { without: "unwanted" },
      { without: "unwanted" },
    ])
    expect(await questions.choose(other)).toEqual({ without: "unwanted" })
    expect(asked).toEqual(["stripe/api-key"])
    expect(await questions.choose({ ...TO_CHOOSE, secret: "db/password" })).toEqual({
      choice: "once",
    })
  })

  test("has said so with no, of a value; of a request a no is for it alone", async () => {
    const { questions, asked } = saying({ choice: "no" }, { choice: "no" })
    expect(await questions.enter(TO_ENTER)).toEqual({ without: "decline" })
    expect(await questions.enter(TO_ENTER)).toEqual({ without: "unwanted" })
    expect(asked).toHaveLength(1)
    expect(await questions.choose(TO_CHOOSE)).toEqual({ choice: "no" })
    expect(await questions.choose(TO_CHOOSE)).toEqual({ choice: "once" })
  })
})

/** A person who sees questions, and a program that gives up as soon as they do. */
function flickering() {
  vi.useFakeTimers()
  let shown = 0
  let answer: PersonAnswer | undefined
  const means: AskBy = (...asked) => {
    shown += 1
    return answer === undefined ? silent(...asked) : Promise.resolve(answer)
  }
  const questions = new Questions([means])
  const isMore = (before: number) => (): boolean => shown > before
  /** How long, in ms, until the person sees one that is asked now; it is withdrawn then. */
  const seenAfter = async (): Promise<number> => {
    const [isNew, gone, begun] = [isMore(shown), new AbortController(), Date.now()]
    const said = questions.choose(TO_CHOOSE, gone.signal)
    await vi.advanceTimersByTimeAsync(0)
    while (!isNew()) await vi.advanceTimersToNextTimerAsync()
    const passed = Date.now() - begun
    gone.abort()
    await said
    return passed
  }
  return { seenAfter, answers: (said: PersonAnswer) => (answer = said), questions }
}

describe("sessions that ask by the same means", () => {
  const byClient = says({ without: "unsupported" })

  test("ask one question at a time, and none more about what is unwanted", async () => {
    const { questions: inFront, asked } = saying({ choice: "no-more" })
    const sessions = [1, 2].map(() => new Questions([byClient, inFront.means]))
    const answers = sessions.map((session) => session.choose(TO_CHOOSE))
    expect(await Promise.all(answers)).toEqual([{ choice: "no-more" }, { without: "unwanted" }])
    expect(await new Questions([inFront.means]).choose(TO_CHOOSE)).toEqual({ without: "unwanted" })
    expect(asked).toHaveLength(1)
  })

  test("say nothing for each other by their clients", async () => {
    const { questions: inFront, asked } = saying({ choice: "once" })
    const refusing = new Questions([says({ choice: "no-more" }), inFront.means])
    expect(await refusing.choose(TO_CHOOSE)).toEqual({ choice: "no-more" })
    expect(await refusing.choose(TO_CHOOSE)).toEqual({ without: "unwanted" })
    expect(asked).toEqual([])
    const other = new Questions([byClient, inFront.means])
    expect(await other.choose(TO_CHOOSE)).toEqual({ choice: "once" })
  })
})

describe("after questions that were withdrawn", () => {
  afterEach(() => vi.useRealTimers())

  test("one that the person wanted no more of, as it was withdrawn, is not asked again", async () => {
    vi.useFakeTimers()
    const answers: ((answer: PersonAnswer) => void)[] = []
    const questions = new Questions([() => new Promise((resolve) => answers.push(resolve))])
    const gone = new AbortController()
    const first = questions.choose(TO_CHOOSE, gone.signal)
    await vi.advanceTimersByTimeAsync(0)
    gone.abort()
    expect(await first).toEqual({ without: "cancel" })
    const next = questions.choose(TO_CHOOSE)
    answers[0]?.({ choice: "no-more" })
    await vi.advanceTimersByTimeAsync(1000)
    expect(answers).toHaveLength(1)
    expect(await next).toEqual({ without: "unwanted" })
  })

  test("the next one waits, longer each time, until the person answers one", async () => {
    const { seenAfter, answers } = flickering()
    const waits: number[] = []
    for (let round = 0; round < 9; round += 1) waits.push(await seenAfter())
    expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000))
    answers({ choice: "no" })
    expect([await seenAfter(), await seenAfter()]).toEqual([60_000, 0])
  })

  test("one that the person wanted no more of just as its time ended is not asked again", async () => {
    vi.useFakeTimers()
    const answers: ((answer: PersonAnswer) => void)[] = []
    const questions = new Questions([() => new Promise((resolve) => answers.push(resolve))], 5000)
    const first = questions.choose(TO_CHOOSE)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await first).toEqual({ without: "timeout" })
    const next = questions.choose(TO_CHOOSE)
    await vi.advanceTimersByTimeAsync(0)
    answers[0]?.({ choice: "no-more" })
    expect(await next).toEqual({ without: "unwanted" })
    expect(answers).toHaveLength(1)
  })

  test("one that nobody answered in time makes none wait, also of a session", async () => {
    vi.useFakeTimers()
    let shown = 0
    const inFront = new Questions([
      (...asked) => {
        shown += 1
        return silent(...asked)
      },
    ])
    const session = new Questions([inFront.means], 5000)
    const late = session.choose(TO_CHOOSE)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await late).toEqual({ without: "timeout" })
    void session.choose(TO_CHOOSE)
    await vi.advanceTimersByTimeAsync(0)
    expect(shown).toBe(2)
  })

  test("what waits is withdrawn at once, and does not make the next one wait longer", async () => {
    const { seenAfter, questions } = flickering()
    await seenAfter()
    for (let round = 0; round < 3; round += 1) {
      const gone = new AbortController()
      const waiting = questions.choose(TO_CHOOSE, gone.signal)
      await vi.advanceTimersByTimeAsync(0)
      gone.abort()
      expect(await waiting).toEqual({ without: "cancel" })
    }
    expect(await seenAfter()).toBe(1000)
  })
})

test("who shares a means with others is told when their own time is over", async () => {
  let told = Infinity
  const shared = new Questions([
    (_question, _signal, until) => {
      told = until
      return Promise.resolve({ choice: "once" })
    },
  ])
  const patience = 60_000
  const before = Date.now()
  const own = new Questions([shared.means], patience)
  expect(await own.choose(TO_CHOOSE)).toEqual({ choice: "once" })
  expect(told - before).toBeLessThan(patience + 30_000)
})
