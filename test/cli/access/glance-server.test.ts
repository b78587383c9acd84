import { EventEmitter, once } from "node:events"
import { expect } from "vitest"
import { GLANCE_SCRIPT } from "../../../src/cli/access/glance-script.js"
import { GlanceServer } from "../../../src/cli/access/glance-server.js"
import { markup } from "../../../src/page/html.js"
import { type Page, pageOf } from "../../../src/page/page.js"
import { type Tab, testInBrowser } from "../../browser.js"

/** A page as `ui` makes one, which says what state it shows. */
function pageShowing(state: string): Page {
  return pageOf({
    title: "t",
    style: "",
    script: GLANCE_SCRIPT,
    body: markup`<header><span id="live"></span></header><main>${state}</main>`,
  })
}

async function shows(tab: Tab, selector: string, said: string): Promise<void> {
  const text = `document.querySelector(${JSON.stringify(selector)}).textContent`
  await expect.poll(() => tab.evaluate<string>(text)).toContain(said)
}

testInBrowser("what changed before the page listened is shown once it does", async (open) => {
  let made = 0
  // The change is over when the page listens: its stamp says nothing of it any more.
  const server = new GlanceServer({
    page: () => Promise.resolve(pageShowing(`state ${++made}`)),
    stamp: () => "the same",
  })
  try {
    const { tab, problems } = await open()
    await tab.goto(await server.open())
    await shows(tab, "main", "state 2")
    await shows(tab, "#live", "It follows")
    expect(problems).toEqual([])
  } finally {
    server.close()
  }
})

testInBrowser("an answer that comes late does not take the place of a later one", async (open) => {
  const asked = new EventEmitter()
  const answers: ((page: Page) => void)[] = []
  let stamp = 0
  const server = new GlanceServer({
    page: () => {
      const answered = new Promise<Page>((resolve) => answers.push(resolve))
      asked.emit("page")
      return answered
    },
    stamp: () => String(stamp),
  })
  const nextAsked = async (work: () => unknown): Promise<void> => {
    const heard = once(asked, "page")
    void work()
    await heard
  }
  try {
    const { tab, problems } = await open()
    const url = await server.open()
    await nextAsked(() => tab.goto(url))
    await nextAsked(() => answers[0]?.(pageShowing("state 1")))
    await nextAsked(() => (stamp = 1))
    answers[2]?.(pageShowing("state 3"))
    await shows(tab, "main", "state 3")
    answers[1]?.(pageShowing("state 2"))
    // One after the other, so the late one has been taken when a further one is shown.
    await nextAsked(() => (stamp = 2))
    expect(await tab.evaluate("document.querySelector('main').textContent")).toBe("state 3")
    answers[3]?.(pageShowing("state 4"))
    await shows(tab, "main", "state 4")
    expect(problems).toEqual([])
  } finally {
    server.close()
  }
})
