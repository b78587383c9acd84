import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { chromium, playwright } from "../scripts/browser.mjs"
import { testUnless } from "./needs.js"

/** Where a run leaves pictures of what it saw, for a person to look at. */
const PICTURES = fileURLToPath(new URL("../.cache/pages/", import.meta.url))

// What we use of playwright-core, which is no dependency of ours.
interface Locator {
  click(): Promise<void>
  fill(text: string): Promise<void>
  ariaSnapshot(): Promise<string>
  textContent(): Promise<string>
  getAttribute(name: string): Promise<string | null>
  isVisible(): Promise<boolean>
  isDisabled(): Promise<boolean>
  inputValue(): Promise<string>
  count(): Promise<number>
  first(): Locator
  waitFor(): Promise<void>
}
export interface Tab {
  goto(url: string): Promise<{ status(): number } | null>
  locator(selector: string): Locator
  getByRole(role: string, options?: { name?: string | RegExp; exact?: boolean }): Locator
  getByLabel(label: string | RegExp): Locator
  waitForEvent(event: "close"): Promise<unknown>
  on(event: "console" | "pageerror" | "request", hear: (what: never) => void): void
  evaluate<T>(script: string): Promise<T>
  /** Resolves once the script is true. */
  waitForFunction(script: string): Promise<unknown>
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>
  emulateMedia(options: { media?: "print" | "screen" }): Promise<void>
  setViewportSize(size: { width: number; height: number }): Promise<void>
  pdf(options: { path: string; format: string }): Promise<unknown>
  reload(): Promise<unknown>
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
}
interface Context {
  setDefaultTimeout(milliseconds: number): void
  newPage(): Promise<Tab>
  newCDPSession(tab: Tab): Promise<Protocol>
  waitForEvent(event: "page"): Promise<Tab>
}
interface Protocol {
  send(method: string, params?: object): Promise<{ targetInfo?: { browserContextId: string } }>
}
interface Chromium {
  newBrowserCDPSession(): Promise<Protocol>
  newContext(options: ContextOptions): Promise<Context>
  close(): Promise<void>
}
interface ContextOptions {
  readonly colorScheme?: "light" | "dark"
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly javaScriptEnabled?: boolean
  /** Opens the tab at this address, as the system does: with no history. */
  readonly at?: string
}
interface Playwright {
  readonly chromium: {
    launch(options: {
      executablePath: string
      args: readonly string[]
      timeout: number
    }): Promise<Chromium>
  }
}

/** Nothing of it speaks to anybody but this machine. */
const QUIET =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"

const [browser, driver] = [await chromium(), await playwright()]
const lack = [browser, driver].flatMap((found) => ("missing" in found ? [found.missing] : []))[0]

/** Runs a test in Chromium, with a browser of its own. */
export function testInBrowser(name: string, body: (open: OpenTab) => Promise<void>): void {
  testUnless(lack, name, async () => {
    if ("missing" in browser || "missing" in driver) return
    const { chromium: kind } = (await import(pathToFileURL(driver.path).href)) as Playwright
    // What does not come ends with the tests, however slow the machine is.
    const timeout = 0
    const args = QUIET.split(" ")
    const running = await kind.launch({ executablePath: browser.path, args, timeout })
    try {
      await body(async (options = {}) => {
        const context = await running.newContext(options)
        context.setDefaultTimeout(timeout)
        const first = await context.newPage()
        if (options.at === undefined) return watched(first)
        const { targetInfo } = await (
          await context.newCDPSession(first)
        ).send("Target.getTargetInfo")
        const opened = context.waitForEvent("page")
        const browserContextId = targetInfo?.browserContextId
        const target = { url: options.at, browserContextId }
        await (await running.newBrowserCDPSession()).send("Target.createTarget", target)
        return watched(await opened)
      })
    } finally {
      await running.close()
    }
  })
}

/** Opens a tab; `problems` is what the browser complained of, `requests` where it went. */
type OpenTab = (options?: ContextOptions) => Promise<Watched>
interface Watched {
  readonly tab: Tab
  readonly problems: readonly string[]
  readonly requests: readonly string[]
}

function watched(tab: Tab): Watched {
  const problems: string[] = []
  const requests: string[] = []
  tab.on("console", (said: { type(): string; text(): string }) => {
    if (said.type() === "error" || said.type() === "warning") problems.push(said.text())
  })
  tab.on("pageerror", (error: Error) => problems.push(error.message))
  tab.on("request", (request: { url(): string }) => requests.push(request.url()))
  return { tab, problems, requests }
}

/** Leaves a picture, and returns where. */
export async function picture(tab: Tab, name: string): Promise<string> {
  mkdirSync(PICTURES, { recursive: true })
  const path = join(PICTURES, `${name}.png`)
  await tab.screenshot({ path, fullPage: true })
  return path
}

/** Where a run leaves a file beside its pictures. */
export function beside(name: string): string {
  mkdirSync(PICTURES, { recursive: true })
  return join(PICTURES, name)
}
