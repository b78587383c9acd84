import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Tab, picture, testInBrowser } from "../../browser.js"
import type { Machine } from "../machine.js"
import { VALUE, busyMachine, wish } from "./access-machine.js"

let machine: Machine
const running: { child: ChildProcess; ended: Promise<unknown> }[] = []

beforeAll(async () => {
  machine = await busyMachine()
})
afterAll(() => machine.remove())
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill("SIGKILL")
    await ended
  }
})

/** An `agent-vault ui` that goes on, and the address that it printed. */
async function startUi(at: Machine) {
  const child = spawn(join(at.home, "bin", "agent-vault"), ["ui", "--no-open"], {
    cwd: at.repo,
    env: at.env,
    stdio: ["ignore", "ignore", "pipe"],
  })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, "close") as Promise<[code: number | null]>
  running.push({ child, ended })
  await expect.poll(() => said).toContain("Ctrl-C ends it")
  const [url = ""] = /http:\S+/.exec(said) ?? []
  return { url, child, ended }
}

async function get(url: string, options: { method?: string; headers?: object } = {}) {
  const { method = "GET", headers = {} } = options
  const sent = request(url, { agent: false, method, headers: { ...headers } })
  sent.end()
  const [response] = (await once(sent, "response")) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, page: await text(response) }
}

async function lasting(url: string): Promise<string> {
  const { status, headers } = await get(url)
  expect(status).toBe(303)
  return new URL(headers.location ?? "", url).href
}

describe("ui", () => {
  test("has an address that is good once, and leads to one that nobody else saw", async () => {
    const { url } = await startUi(machine)
    const page = await lasting(url)
    expect((await get(url)).status).toBe(410)
    const { status, page: shown, headers } = await get(page)
    expect(status).toBe(200)
    expect(shown).toContain("Who may open what")
    expect(shown).not.toContain(VALUE)
    expect(headers["cache-control"]).toBe("no-store")
    expect(headers["content-security-policy"]).toContain("default-src 'none'")
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'")
    for (const part of [new URL(url).pathname, new URL(page).pathname]) {
      expect(Buffer.from(part.replaceAll("/", ""), "base64url")).toHaveLength(32)
    }
  })

  test("answers nothing else, and nobody under another name", async () => {
    const { url } = await startUi(machine)
    const { origin, port } = new URL(url)
    expect((await get(`${origin}/`)).status).toBe(404)
    expect((await get(`${origin}/favicon.ico`)).status).toBe(404)
    expect((await get(`${url}x`)).status).toBe(404)
    expect((await get(url, { headers: { host: `rebound.test:${port}` } })).status).toBe(404)
    expect((await get(url, { method: "POST" })).status).toBe(405)
    const page = await lasting(url)
    expect((await get(page, { method: "POST" })).status).toBe(405)
    expect((await get(`${page}../x`)).status).toBe(404)
  })

  test("ends when it is told to", async () => {
    const { child, ended, url } = await startUi(machine)
    child.kill("SIGINT")
    expect(await ended).toEqual([0, null])
    await expect(get(url)).rejects.toThrow("ECONNREFUSED")
  })

  test("does not begin where nothing can be shown", async () => {
    const copy = machine.copy()
    const record = join(copy.repo, ".agent-vault", "groups", "db.json")
    writeFileSync(record, readFileSync(record, "utf8").replace('"epoch": 1', '"epoch": 9'))
    const { code, stderr } = await copy.call(["ui", "--no-open"])
    expect([code, stderr]).toEqual([5, expect.stringContaining("SIGNATURE_INVALID")])
    copy.remove()
  })

  testInBrowser("follows the vault and the audit, in Chromium", async (open) => {
    const copy = machine.copy()
    try {
      const { url, child, ended } = await startUi(copy)
      const { tab, problems } = await open()
      await tab.goto(url)
      expect(await tab.evaluate("location.pathname")).not.toBe(new URL(url).pathname)
      const live = tab.locator("#live")
      await hasText(tab, "It follows")
      // A read, which the audit notes; then a wish, and a record that does not verify.
      await copy.call(["get", "stripe/webhook", "--agent", "ci"])
      await hasText(tab, "Followed a change")
      await appears(tab, "#reads ~ div td code", "stripe/webhook")
      wish(copy, "  - { agent: reporter, group: db }\n")
      await appears(tab, "main", "reporter is to open db")
      await picture(tab, "ui")
      const record = join(copy.repo, ".agent-vault", "groups", "db.json")
      const whole = readFileSync(record, "utf8")
      writeFileSync(record, whole.replace('"epoch": 1', '"epoch": 9'))
      await appears(tab, "main", "SIGNATURE_INVALID")
      writeFileSync(record, whole)
      await appears(tab, "main", "Agents and groups")
      expect(await tab.locator("body").textContent()).not.toContain(VALUE)
      expect(problems).toEqual([])
      child.kill("SIGTERM")
      await ended
      await hasText(tab, "has ended")
      expect(await live.isVisible()).toBe(true)
    } finally {
      copy.remove()
    }
  })
})

const hasText = (tab: Tab, said: string): Promise<void> => appears(tab, "#live", said)

async function appears(tab: Tab, selector: string, said: string): Promise<void> {
  await expect.poll(async () => tab.evaluate<string>(textOf(selector))).toContain(said)
}

const textOf = (selector: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].map((e) => e.textContent).join(" ")`
