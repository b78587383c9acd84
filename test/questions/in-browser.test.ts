import { describe, expect } from "vitest"
import type { PersonAnswer, Question } from "../../src/questions/question.js"
import { askOnPage } from "../../src/questions/question-page.js"
import { picture, testInBrowser } from "../browser.js"
import { TO_CHOOSE, TO_ENTER } from "./asked.js"

/** A question on a page, as a person gets to it. */
async function asked(question: Question, patience = 600_000) {
  const ending = new AbortController()
  let answer: Promise<PersonAnswer> | undefined
  const url = await new Promise<string>((resolve) => {
    const tell = (told: string): boolean => {
      resolve(told)
      return true
    }
    answer = askOnPage(tell)(question, ending.signal, Date.now() + patience)
  })
  return { url, answer, end: () => ending.abort() }
}

function valueIn(answer: PersonAnswer | undefined): string | undefined {
  return answer && "value" in answer ? Buffer.from(answer.value).toString() : undefined
}

/** Where a character of the reason is shown. */
const leftOf = (from: number): string => `(() => {
  const range = document.createRange()
  const text = document.querySelector("dd.said").firstChild
  range.setStart(text, ${from})
  range.setEnd(text, ${from} + 1)
  return range.getBoundingClientRect().left
})()`

/** A page takes no yes in its first second. */
const LATER = "performance.now = () => 1e9"
const READY = { width: 900, height: 700 }

describe("a question on a page, in Chromium", () => {
  testInBrowser("says to a screen reader what it is about", async (open) => {
    const { url, end } = await asked(TO_CHOOSE)
    const { tab, problems } = await open({ viewport: READY })
    await tab.goto(url)
    const tree = await tab.locator("body").ariaSnapshot()
    expect(tree).toContain('heading "May stripe/api-key be sent?" [level=1]')
    expect(tree).toContain('group "Your answer"')
    expect(tree).toMatch(/button "No nothing is sent"/)
    expect(tree).toMatch(/button "Yes, once for this request alone"/)
    expect(tree).toMatch(/button "No, for this session no more questions about stripe\/api-key"/)
    expect(tree).toMatch(/term: Host\s+- definition: api\.stripe\.test/)
    expect(tree).toContain("status")
    expect(await tab.evaluate("document.documentElement.lang")).toBe("en")
    // What a program wrote is text: nothing of it ran, and nothing was loaded.
    expect(await tab.evaluate("document.querySelectorAll('img, b').length")).toBe(0)
    expect(problems).toEqual([])
    end()
  })

  testInBrowser("closes itself after the answer, which was given by keyboard", async (open) => {
    const { url, answer } = await asked(TO_CHOOSE)
    const { tab, problems } = await open({ at: url })
    // Return says no as the page appears; yes takes a step.
    await tab.waitForFunction("document.activeElement.value === 'no'")
    const closed = tab.waitForEvent("close")
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Tab")
    await tab.waitForFunction("document.activeElement.value === 'session'")
    await tab.evaluate(LATER)
    // The page may be gone before the key is up again.
    await tab.keyboard.press("Enter").catch(() => undefined)
    expect(await answer).toEqual({ choice: "session" })
    await closed
    expect(problems).toEqual([])
  })

  testInBrowser("takes no click for a yes that came as the page appeared", async (open) => {
    const { url, answer } = await asked(TO_CHOOSE)
    const { tab, problems } = await open({ at: url })
    const yes = tab.getByRole("button", { name: /Yes, once/ })
    await yes.waitFor()
    await tab.evaluate("performance.now = () => 0")
    await yes.click()
    await tab.getByRole("alert").waitFor()
    expect(await tab.getByRole("alert").textContent()).toContain("only just appeared")
    await tab.evaluate(LATER)
    await yes.click()
    expect(await answer).toEqual({ choice: "once" })
    expect(problems).toEqual([])
  })

  testInBrowser("takes the Return key alone for a no", async (open) => {
    const { url, answer } = await asked(TO_CHOOSE)
    const { tab, requests } = await open()
    await tab.goto(url)
    await tab.waitForFunction("document.activeElement.value === 'no'")
    await tab.keyboard.press("Enter").catch(() => undefined)
    expect(await answer).toEqual({ choice: "no" })
    expect(new Set(requests)).toEqual(new Set([url]))
  })

  testInBrowser("works without scripts", async (open) => {
    const { url, answer } = await asked(TO_CHOOSE)
    const { tab, problems } = await open({ javaScriptEnabled: false })
    await tab.goto(url)
    await tab.getByRole("button", { name: /Yes, once/ }).click()
    expect(await answer).toEqual({ choice: "once" })
    await tab.getByRole("status").waitFor()
    expect(await tab.getByRole("status").textContent()).toBe("You said yes, once")
    expect(problems).toEqual([])
  })

  testInBrowser("says once that the question was answered elsewhere", async (open) => {
    const { url, answer } = await asked(TO_CHOOSE)
    const { tab } = await open()
    await tab.goto(url)
    const { tab: other } = await open()
    await other.goto(url)
    await other.evaluate(LATER)
    await other.getByRole("button", { name: /Yes, once/ }).click()
    expect(await answer).toEqual({ choice: "once" })
    const no = tab.getByRole("button", { name: "No nothing is sent" })
    await no.click()
    await tab.getByRole("alert").waitFor()
    expect(await tab.getByRole("alert").textContent()).toContain("answered elsewhere")
    // It does not go on to count to a no.
    expect(await tab.locator("#time").textContent()).toBe("")
    expect(await no.isDisabled()).toBe(true)
  })

  testInBrowser("shows a reason that is written from the right as it is read", async (open) => {
    const { url, end } = await asked({ ...TO_ENTER, why: "\u05e9\u05dc\u05d5\u05dd." })
    const { tab } = await open({ viewport: READY })
    await tab.goto(url)
    const [last, mark] = [
      await tab.evaluate<number>(leftOf(3)),
      await tab.evaluate<number>(leftOf(4)),
    ]
    expect(mark).toBeLessThan(last)
    end()
  })

  for (const question of [TO_CHOOSE, TO_ENTER]) {
    testInBrowser(`for a ${question.kind} says when its time is over`, async (open) => {
      const { url, end } = await asked(question, 2000)
      const { tab } = await open()
      await tab.goto(url)
      await tab.locator("button:disabled").first().waitFor()
      expect(await tab.locator("#status").textContent()).toContain("The time is over")
      await picture(tab, `question-${question.kind}-time-over`)
      end()
    })
  }

  for (const scheme of ["light", "dark"] as const) {
    testInBrowser(`looks right, ${scheme}`, async (open) => {
      for (const [name, question] of [
        ["choice", TO_CHOOSE],
        ["value", TO_ENTER],
      ] as const) {
        const { url, end } = await asked(question)
        const { tab } = await open({ colorScheme: scheme, viewport: READY })
        await tab.goto(url)
        await picture(tab, `question-${name}-${scheme}`)
        await tab.setViewportSize({ width: 360, height: 640 })
        await picture(tab, `question-${name}-${scheme}-narrow`)
        const overflow = "document.documentElement.scrollWidth > innerWidth"
        expect(await tab.evaluate(overflow)).toBe(false)
        end()
      }
    })
  }
})

describe("a question for a value, in Chromium", () => {
  testInBrowser("hides it, shows it when asked to, and hands it over", async (open) => {
    const { url, answer } = await asked(TO_ENTER)
    const { tab, problems } = await open({ at: url })
    const field = tab.getByLabel("Its value")
    expect(await field.getAttribute("type")).toBe("password")
    await tab.waitForFunction("document.activeElement.id === 'value'")
    await tab.keyboard.type("test-only-1")
    const show = tab.getByRole("button", { name: "Show", exact: true })
    expect(await show.getAttribute("aria-pressed")).toBe("false")
    await show.click()
    expect(await field.getAttribute("type")).toBe("text")
    const hide = tab.getByRole("button", { name: "Hide", exact: true })
    expect(await hide.getAttribute("aria-pressed")).toBe("true")
    await hide.click()
    expect(await field.getAttribute("type")).toBe("password")
    // Show gives the focus back to the field, and Return hands the value over.
    await tab.waitForFunction("document.activeElement.id === 'value'")
    await tab.keyboard.press("Enter").catch(() => undefined)
    expect(valueIn(await answer)).toBe("test-only-1")
    expect(problems).toEqual([])
  })

  testInBrowser("keeps the lines of what has several, as it is pasted", async (open) => {
    const { url, answer } = await asked(TO_ENTER)
    const { tab } = await open()
    await tab.goto(url)
    await tab.evaluate(`(() => {
      const data = new DataTransfer()
      data.setData("text", "line 1\\nline 2\\n")
      const init = { clipboardData: data, bubbles: true, cancelable: true }
      document.getElementById("value").dispatchEvent(new ClipboardEvent("paste", init))
    })()`)
    expect(await tab.evaluate("document.activeElement.id")).toBe("lines")
    await tab.getByRole("button", { name: "Hand it over" }).click()
    expect(valueIn(await answer)).toBe("line 1\nline 2\n")
  })

  testInBrowser("says what is wrong, and keeps what was typed", async (open) => {
    const { url, end } = await asked(TO_ENTER)
    const { tab } = await open()
    await tab.goto(url)
    await tab.getByRole("button", { name: "Hand it over" }).click()
    await tab.getByRole("alert").waitFor()
    expect(await tab.getByRole("alert").textContent()).toBe("Nothing was entered.")
    expect(await tab.getByRole("button", { name: "Hand it over" }).isDisabled()).toBe(false)
    end()
  })

  testInBrowser("works without scripts, with several lines", async (open) => {
    const { url, answer } = await asked(TO_ENTER)
    const { tab } = await open({ javaScriptEnabled: false })
    await tab.goto(url)
    await tab.locator("summary").click()
    await tab.getByLabel(/Its lines/).fill("line 1\nline 2")
    await tab.getByRole("button", { name: "Hand it over" }).click()
    expect(valueIn(await answer)).toBe("line 1\nline 2")
  })
})
