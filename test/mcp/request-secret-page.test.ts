import { afterEach, beforeEach, describe, expect } from "vitest"
import { type Tab, picture, testInBrowser } from "../browser.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { pageOf } from "./person-at-page.js"
import { done, valuesIn } from "./service.js"
import { PATIENT, Session, type Told } from "./session.js"

/** The page of `request_secret`, as the server opens it, in Chromium. */
const VALUE = ["not", "a", "real", "token", "Wn39cH6sTu"].join("-")
const NAME = "stripe/restricted"
const WIDE = { width: 900, height: 800 }
const NARROW = { width: 320, height: 640 }

let machine: Machine
let session: Session
beforeEach(async () => {
  machine = await vaultMachine()
  // No browser of the system is started: the address of the page stands in stderr.
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
  session = await Session.open(machine, ["--agent", "ci", "--blind"])
})
afterEach(async () => {
  await session.client.close()
  machine.remove()
})

function ask(more: Readonly<Record<string, unknown>> = {}): Promise<Told> {
  const why = "the refund script fails without it, and <b>shop</b> waits for it"
  return session.call("request_secret", { secret: NAME, why, service: "stripe", ...more })
}

/** Where the keyboard is: an id, the value of a button, or what it is. */
const FOCUSED =
  "(({ id, value, localName }) => localName === 'button' ? id || value : id || localName)(document.activeElement)"

async function focused(tab: Tab): Promise<string> {
  return tab.evaluate<string>(FOCUSED)
}

describe("the page of request_secret, in Chromium", () => {
  testInBrowser("is filled in by keyboard alone, and closes itself", async (open) => {
    const answer = ask()
    const { tab, problems, requests } = await open({ at: await pageOf(session) })
    await tab.waitForFunction("document.activeElement.id === 'value'")
    const stops = ["value"]
    for (let stop = 0; stop < 4; stop += 1) {
      await tab.keyboard.press("Tab")
      stops.push(await focused(tab))
    }
    expect(stops).toEqual(["value", "show", "summary", "value", "no"])
    for (let stop = 0; stop < 3; stop += 1) await tab.keyboard.press("Shift+Tab")
    expect(await focused(tab)).toBe("show")
    // Shown and hidden again, which leads back to the field.
    await tab.keyboard.press("Space")
    expect(await focused(tab)).toBe("value")
    await tab.keyboard.type(VALUE)
    expect(await tab.locator("#value").getAttribute("type")).toBe("text")
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Space")
    expect(await tab.locator("#value").getAttribute("type")).toBe("password")
    const closed = tab.waitForEvent("close")
    await tab.keyboard.press("Enter").catch(() => undefined)
    expect((await answer).document).toMatchObject({ is: "stored", version: 1 })
    await closed
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
    expect(problems).toEqual([])
    // Nothing but the page itself, whose address has no value.
    expect(new Set(requests).size).toBeLessThanOrEqual(1)
    const said = `${session.messages.join("\n")}${session.stderr}${requests.join("\n")}`
    expect(valuesIn(said, { [NAME]: VALUE })).toEqual([])
  })

  testInBrowser("is left by keyboard with a no", async (open) => {
    const answer = ask()
    const { tab } = await open({ at: await pageOf(session) })
    await tab.waitForFunction("document.activeElement.id === 'value'")
    for (let stop = 0; stop < 4; stop += 1) await tab.keyboard.press("Tab")
    expect(await focused(tab)).toBe("no")
    await tab.keyboard.press("Enter").catch(() => undefined)
    const message = `${NAME} was not entered: the person said no`
    expect((await answer).document).toMatchObject({ error: { code: "ASK_REFUSED", message } })
  })

  testInBrowser(
    "tells a screen reader what it asks, who asks, and what comes of it",
    async (open) => {
      const answer = ask()
      const { tab, problems } = await open({ viewport: WIDE })
      await tab.goto(await pageOf(session))
      const tree = await tab.locator("body").ariaSnapshot()
      for (const named of [
        `heading "What is the value of ${NAME}?" [level=1]`,
        `form "What is the value of ${NAME}?"`,
        'textbox "Its value"',
        'button "Show"',
        'group "Your answer"',
        'button "Hand it over"',
        'button "No nothing is stored, and nobody asks for it again"',
      ]) {
        expect(tree).toContain(named)
      }
      expect(tree).toMatch(/term: Who asks\s+- definition: a client, as the agent ci/)
      expect(tree).toMatch(/term: Why, as they say\s+- definition: .*<b>shop<\/b>/)
      expect(tree).toContain("api.stripe.com")
      expect(tree).toContain("Who opens stripe can use it: ci.")
      expect(tree).toContain("The model does not see it")
      // The field is described by where its value goes.
      const described = await tab.locator("#value").getAttribute("aria-describedby")
      expect(await tab.locator(`#${described ?? ""}`).textContent()).toContain("to no model")
      expect(await tab.evaluate("document.documentElement.lang")).toBe("en")
      expect(await tab.evaluate("document.title")).toContain(NAME)
      await tab.locator("summary").click()
      expect(await tab.locator("body").ariaSnapshot()).toContain(
        'textbox "Its lines, shown as you type"',
      )
      // What is wrong is said at once.
      await tab.getByRole("button", { name: "Hand it over" }).click()
      await tab.getByRole("alert").waitFor()
      expect(await tab.getByRole("alert").textContent()).toBe("Nothing was entered.")
      expect(problems.filter((problem) => !problem.includes("422"))).toEqual([])
      await tab
        .getByRole("button", { name: /^No/ })
        .click()
        .catch(() => undefined)
      await answer
    },
  )

  testInBrowser("says no value back, and takes none a second time", async (open) => {
    const answer = ask()
    const url = await pageOf(session)
    const [one, other] = [await open(), await open()]
    await one.tab.goto(url)
    await other.tab.goto(url)
    await one.tab.getByLabel("Its value").fill(VALUE)
    await one.tab.getByRole("button", { name: "Hand it over" }).click()
    expect((await answer).document).toMatchObject({ is: "stored" })
    await one.tab.getByRole("status").waitFor()
    expect(await one.tab.getByRole("status").textContent()).toBe("You handed the value over")
    expect(await one.tab.evaluate("document.documentElement.outerHTML")).not.toContain(VALUE)
    await picture(one.tab, "request-secret-answered")
    await other.tab.getByLabel("Its value").fill("another-value")
    await other.tab.getByRole("button", { name: "Hand it over" }).click()
    await other.tab.getByRole("alert").waitFor()
    expect(await other.tab.getByRole("alert").textContent()).toContain("was answered elsewhere")
    await picture(other.tab, "request-secret-second-use")
    await expect(other.tab.reload()).rejects.toThrow("ERR_CONNECTION_REFUSED")
    await expect(one.tab.goto(url)).rejects.toThrow("ERR_CONNECTION_REFUSED")
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
  })

  testInBrowser("whose call was taken back takes nothing, and says so", async (open) => {
    const ending = new AbortController()
    const given = { name: "request_secret", arguments: { secret: NAME, why: "a test" } }
    const call = session.client.callTool(given, undefined, { ...PATIENT, signal: ending.signal })
    const { tab } = await open({ viewport: WIDE })
    await tab.goto(await pageOf(session))
    await tab.getByLabel("Its value").fill(VALUE)
    ending.abort()
    await expect(call).rejects.toThrow()
    // The server has heard of it before it answers the next call.
    await session.call("describe_access")
    await tab.getByRole("button", { name: "Hand it over" }).click()
    await tab.getByRole("alert").waitFor()
    expect(await tab.getByRole("alert").textContent()).toContain("the question is over")
    await picture(tab, "request-secret-expired")
    expect((await session.call("list_secrets")).document).not.toMatchObject({
      secrets: expect.arrayContaining([expect.objectContaining({ name: NAME })]) as unknown[],
    })
  })

  for (const scheme of ["light", "dark"] as const) {
    testInBrowser(`looks right, ${scheme}, wide and narrow`, async (open) => {
      const answer = ask({ secret: `stripe/${"a-rather-long-name-".repeat(3)}key` })
      const { tab } = await open({ colorScheme: scheme, viewport: WIDE })
      await tab.goto(await pageOf(session))
      await picture(tab, `request-secret-${scheme}`)
      await tab.setViewportSize(NARROW)
      await picture(tab, `request-secret-${scheme}-narrow`)
      expect(await tab.evaluate("document.documentElement.scrollWidth > innerWidth")).toBe(false)
      expect(await tab.evaluate<number>(LEAST_CONTRAST)).toBeGreaterThanOrEqual(4.5)
      await tab
        .getByRole("button", { name: /^No/ })
        .click()
        .catch(() => undefined)
      await answer
    })
  }
})

/** The least contrast of a text with what is behind it, as WCAG 2 counts it. */
const LEAST_CONTRAST = `(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number)
  const light = (color) => {
    const [r, g, b] = parts(color).map((part) => {
      const share = part / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      const [, , , opacity = 1] = parts(backgroundColor)
      if (opacity === 1) return backgroundColor
    }
    return "rgb(255, 255, 255)"
  }
  const shown = [...document.querySelectorAll("body *")].filter((element) =>
    !element.closest(".unseen, script, [hidden], details:not([open]) > :not(summary)") &&
    [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim() !== ""))
  return Math.min(...shown.map((element) => {
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))]
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
  }))
})()`
