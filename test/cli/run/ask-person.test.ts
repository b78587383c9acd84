import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { questionsByPage } from "../../../src/cli/run/ask-person.js"
import type { Door } from "../../../src/cli/door/door.js"
import { TO_CHOOSE } from "../../questions/asked.js"
import { answerPage } from "../../questions/answer-page.js"
import { type Seen, atTerminal, plain } from "../at-terminal.js"
import { BlindMachine, OTHER, VALUE } from "./blind-machine.js"

let blind: BlindMachine

/** Programs of a desktop, which note how they were called. */
const DESKTOP = ["xdg-open", "notify-send"] as const

beforeAll(async () => {
  blind = await BlindMachine.start()
  await blind.use("stripe/api-key", "--ask", "session")
  await blind.use("stripe/webhook", "--ask", "each")
  const { machine } = blind
  for (const name of DESKTOP) {
    const file = join(machine.home, "bin", name)
    // Whoever sees that it was called sees all of what it had.
    const note = `env > "$HOME/${name}.env"; printf '%s\\n' "$*" >> "$HOME/${name}.said"`
    writeFileSync(file, `#!/bin/sh\n${note}\n`)
    chmodSync(file, 0o755)
  }
  Object.assign(machine.env, { DISPLAY: ":99", AGENT_VAULT_SESSION: "of-the-person" })
  delete machine.env["WAYLAND_DISPLAY"]
})
beforeEach(() => {
  blind.service.got.length = 0
  for (const name of DESKTOP) rmSync(said(name), { force: true })
})
afterEach(() => vi.restoreAllMocks())
afterAll(() => blind.close())

function said(name: (typeof DESKTOP)[number]): string {
  return join(blind.machine.home, `${name}.said`)
}

function callsOf(name: (typeof DESKTOP)[number]): string[] {
  return existsSync(said(name)) ? readFileSync(said(name), "utf8").split("\n").slice(0, -1) : []
}

/** The page that the browser was told to open, after this many others. */
async function opened(before = 0): Promise<string> {
  await expect.poll(() => callsOf("xdg-open").length).toBeGreaterThan(before)
  const page = callsOf("xdg-open")[before] ?? ""
  expect(page).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}$/)
  return page
}

/** What was noted of questions, after so many lines. */
function askedSince(before: number): (readonly [string | undefined, string | undefined])[] {
  const lines = blind.lines().slice(before)
  return lines
    .filter(({ event }) => event === "asked")
    .map(({ decision, reason }) => [decision, reason])
}

/** Holds back what is to happen after so many ms; returns what lets it happen. */
function holdTimers(held: number): () => void {
  const { setTimeout: begin, clearTimeout: clear } = globalThis
  const works = new Map<unknown, () => void>()
  vi.spyOn(globalThis, "setTimeout").mockImplementation((work: () => void, ms?: number) => {
    if (ms !== held) return begin(work, ms)
    const timer = begin(() => {}, 0)
    works.set(timer, work)
    return timer
  })
  vi.spyOn(globalThis, "clearTimeout").mockImplementation((timer) => {
    works.delete(timer)
    clear(timer)
  })
  return () => {
    for (const work of works.values()) work()
  }
}

const RUN = "run --agent ci --blind --isolate none -g stripe -- sh -c".split(" ")
/** In this process, which is not where the preload is. */
const RUN_ALONE = ["run", "--no-preload", ...RUN.slice(1)]
const call = (path: string, variable = "STRIPE_API_KEY"): string =>
  `curl -sS -H "Authorization: Bearer $${variable}" "$BASE${path}"`

/** Runs a line of shell blind at a terminal. */
function blindAtTerminal(line: string): Promise<Seen> {
  return atTerminal(blind.machine, [...RUN, line])
}

test("yes, once: the browser opens the page, and the next request asks anew", async () => {
  const before = blind.lines().length
  const run = blindAtTerminal(`${call("/v1/a")}; echo; ${call("/v1/a")}`)
  await answerPage(await opened(), "once")
  await answerPage(await opened(1), "once")
  const seen = await run
  const shown = plain(seen)
  const pages = callsOf("xdg-open")
  const asked = `agent-vault: May stripe/api-key be sent? sh, as the agent ci asks. The request: GET ${blind.service.authority}/v1/a. Answer within `
  expect(shown).toContain(asked)
  expect(shown).toContain(` s:\n  ${pages[0]}\n`)
  expect(shown.split("GET /v1/a Bearer [REDACTED stripe/api-key]")).toHaveLength(3)
  expect(shown).not.toContain(VALUE)
  expect(blind.service.got.map(({ request }) => request.headers.authorization)).toEqual([
    `Bearer ${VALUE}`,
    `Bearer ${VALUE}`,
  ])
  expect(new Set(pages).size).toBe(2)
  expect(askedSince(before)).toEqual([
    ["allowed", "once"],
    ["allowed", "once"],
  ])
})

test("yes, for this session: the same request asks no more, another one does", async () => {
  const before = blind.lines().length
  const run = blindAtTerminal(`${call("/v1/a")}; ${call("/v1/a")}; ${call("/v1/b")}`)
  await answerPage(await opened(), "session")
  await answerPage(await opened(1), "no")
  const shown = plain(await run)
  expect(shown).toContain("ASK_REFUSED")
  expect(blind.service.got.map(({ request }) => request.url)).toEqual(["/v1/a", "/v1/a"])
  expect(callsOf("xdg-open")).toHaveLength(2)
  expect(askedSince(before)).toEqual([
    ["allowed", "session"],
    ["refused", "no"],
  ])
})

test("no: nothing leaves, and the program is told", async () => {
  const before = blind.lines().length
  const run = blindAtTerminal(call("/v1/a", "STRIPE_WEBHOOK"))
  await answerPage(await opened(), "no")
  const shown = plain(await run)
  expect(shown).toContain(`"code":"ASK_REFUSED"`)
  expect(shown).not.toContain(OTHER)
  expect(blind.service.got).toEqual([])
  expect(askedSince(before)).toEqual([["refused", "no"]])
})

test("no, for this session: whatever the program sends then with that secret, nobody is asked", async () => {
  const before = blind.lines().length
  const run = blindAtTerminal(
    `${call("/v1/a")}; ${call("/v1/a")}; ${call("/v1/b?c=1")}; ${call("/v1/a", "STRIPE_WEBHOOK")}`,
  )
  await answerPage(await opened(), "no-more")
  await answerPage(await opened(1), "once")
  const shown = plain(await run)
  expect(shown.split(`"code":"ASK_REFUSED"`)).toHaveLength(4)
  expect(callsOf("xdg-open")).toHaveLength(2)
  expect(blind.service.got.map(({ request }) => request.headers.authorization)).toEqual([
    `Bearer ${OTHER}`,
  ])
  expect(askedSince(before)).toEqual([
    ["refused", "no-more"],
    ["allowed", "once"],
  ])
})

test("unanswered for 120 s: it is a no, and the page is gone", async () => {
  const before = blind.lines().length
  const timePasses = holdTimers(120_000)
  const out = join(blind.machine.home, "said")
  const run = blind.machine.call([...RUN_ALONE, `${call("/v1/a")} > ${out} 2>&1`])
  const page = await opened()
  expect((await fetch(page)).status).toBe(200)
  expect(askedSince(before)).toEqual([])
  timePasses()
  const { stderr } = await run
  expect(stderr).toContain(page)
  expect(readFileSync(out, "utf8")).toContain(`"code":"ASK_REFUSED"`)
  expect(askedSince(before)).toEqual([["refused", "unanswered"]])
  expect(blind.service.got).toEqual([])
  await expect(fetch(page)).rejects.toThrow("fetch failed")
})

test("a program that gives up takes its question with it", async () => {
  const before = blind.lines().length
  const leave = `${call("/v1/a")} & until [ -s "$HOME/xdg-open.said" ]; do sleep 0.05; done; kill $!; wait; ${call("/v1/c")}`
  const run = blindAtTerminal(leave)
  const first = await opened()
  // The next question is open, so the one before it is over.
  await answerPage(await opened(1), "once")
  expect(plain(await run)).toContain("GET /v1/c Bearer [REDACTED stripe/api-key]")
  await expect(fetch(first)).rejects.toThrow("fetch failed")
  expect(askedSince(before)).toEqual([
    ["refused", "unanswered"],
    ["allowed", "once"],
  ])
  expect(blind.service.got.map(({ request }) => request.url)).toEqual(["/v1/c"])
})

test("a run ends with its program, though a question is open", async () => {
  const leave = `${call("/v1/a")} > /dev/null 2>&1 & until [ -s "$HOME/xdg-open.said" ]; do sleep 0.05; done; kill $!`
  const { code } = await blindAtTerminal(leave)
  expect(code).toBe(0)
  await expect(fetch(await opened())).rejects.toThrow("fetch failed")
  expect(blind.service.got).toEqual([])
})

test("without a display, or without a browser, the page's address is on the terminal", async () => {
  const bare = { DISPLAY: "" }
  for (const env of [bare, { PATH: blind.machine.env["PATH"]?.split(":").slice(1).join(":") }]) {
    const program = [join(blind.machine.home, "bin/agent-vault")]
    const run = atTerminal(blind.machine, [...RUN, call("/v1/a")], [], {
      env,
      program,
      stderr: join(blind.machine.home, "stderr"),
    })
    const told = (): string => {
      const file = join(blind.machine.home, "stderr")
      return existsSync(file) ? readFileSync(file, "utf8") : ""
    }
    await expect.poll(told).toMatch(/\n {2}http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\n/)
    await answerPage(/http:\/\/127\S+/.exec(told())?.[0] ?? "", "once")
    expect(plain(await run)).toContain("GET /v1/a Bearer [REDACTED stripe/api-key]")
    rmSync(join(blind.machine.home, "stderr"))
  }
  expect(callsOf("xdg-open")).toEqual([])
})

test("who is asked when others waited before hears what time is left", async () => {
  const shown: string[] = []
  const stderr = { write: (text: string) => shown.push(text) }
  const questions = await questionsByPage({ env: {}, terminal: { stderr } } as unknown as Door)
  const over = new AbortController()
  const answer = questions.means(TO_CHOOSE, over.signal, Date.now() + 30_000)
  await expect.poll(() => shown.join("")).toMatch(/ Answer within (?:30|[12]?\d) s:\n {2}http:/)
  over.abort()
  await answer
})

test("programs of the desktop learn no secret and no variable of ours", async () => {
  const run = blindAtTerminal(call("/v1/private"))
  await answerPage(await opened(), "no")
  await run
  await expect.poll(() => callsOf("notify-send").length).toBe(1)
  const [hint = ""] = callsOf("notify-send")
  expect(hint).toContain("A program waits for your answer")
  expect(hint).not.toMatch(/stripe|private|localhost|http/)
  for (const name of DESKTOP) {
    const env = readFileSync(join(blind.machine.home, `${name}.env`), "utf8")
    expect(env).toContain("DISPLAY=:99")
    expect(env).not.toMatch(/AGENT_VAULT_|_PROXY=|STRIPE/i)
  }
})
