import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type Seen, type Steps, atTerminal, plain } from "../cli/at-terminal.js"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { HttpClient } from "./listening.js"
import { pageOf, readPage } from "./person-at-page.js"
import { done, valuesIn } from "./service.js"
import { Session } from "./session.js"

/** A missing secret that a person enters at a real terminal, hidden, and past the model. */
const VALUE = ["not", "a", "real", "token", "Tm27kP4xLd"].join("-")
const NAME = "stripe/restricted"
const ASKED = {
  secret: NAME,
  why: "the refund script fails without it",
  service: "stripe",
}
const LINE = `agent-vault set ${NAME} --use stripe`

let machine: Machine
beforeEach(async () => {
  machine = await vaultMachine()
  // No browser is started.
  for (const display of ["DISPLAY", "WAYLAND_DISPLAY"]) delete machine.env[display]
})
afterEach(() => machine.remove())

/** Where a server listens that somebody started at a terminal, once it does. */
async function listeningAtTerminal(): Promise<{ url: string; token: string }> {
  let said = ""
  const ask = async (): Promise<number> => {
    const { code, stdout } = await machine.call("mcp env --agent ci --format dotenv".split(" "))
    said = stdout
    return code
  }
  await expect.poll(ask).toBe(0)
  const of = (name: string): string =>
    new RegExp(`^AGENT_VAULT_${name}=(.*)$`, "m").exec(said)?.[1] ?? ""
  return { url: of("MCP_URL"), token: of("MCP_TOKEN") }
}

describe("a missing secret", () => {
  test("is typed at another terminal, in place of the page, which is gone then", async () => {
    const session = await Session.open(machine, ["--agent", "ci", "--blind"])
    try {
      const answer = session.call("request_secret", ASKED)
      const url = await pageOf(session)
      const { text } = await readPage(url)
      expect(text).toContain(`enter it in a terminal: <code>${LINE}</code>`)
      while (!session.stderr.includes(`\n  or in a terminal: ${LINE}\n`)) await session.said()
      const typed = await atTerminal(machine, LINE.split(" ").slice(1), [
        [`Value of ${NAME} (not shown): `, `${VALUE}\r`],
        ["Sign it? ", "yes\r"],
      ])
      expect([typed.code, plain(typed)]).toEqual([0, expect.not.stringContaining(VALUE)])
      expect(await answer).toMatchObject({
        isError: false,
        document: { is: "stored", secret: NAME, version: 1, readable: true },
      })
      await expect(readPage(url)).rejects.toThrow()
      expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
      const said = `${session.messages.join("\n")}${session.stderr}`
      expect(valuesIn(said, { [NAME]: VALUE })).toEqual([])
    } finally {
      await session.client.close()
    }
  })

  test("is asked for at the terminal of a server that listens, which is put back when it ends", async () => {
    const server = atTerminal(machine, "mcp --agent ci --blind --listen 0".split(" "), [
      ["its value, or the Return key alone: ", `${VALUE}\r`],
      // Its person leaves: the question goes, and the terminal is as it was.
      ["What is the value of stripe/other?", "half of it"],
      ["", { signal: "SIGTERM" }],
    ])
    const at = await listeningAtTerminal()
    await using one = await HttpClient.open(at)
    await using other = await HttpClient.open(at, undefined, { name: "another client" })
    const first = one.call("request_secret", ASKED)
    const { isError, document } = await first
    // Another session, at the same terminal. Nobody answers it.
    other.call("request_secret", { ...ASKED, secret: "stripe/other" }).catch(() => "gone")
    expect([isError, document]).toMatchObject([false, { is: "stored", version: 1 }])
    const seen = await server
    const shown = plain(seen)
    expect(shown).toContain(`What is the value of ${NAME}? a client, as the agent ci asks.`)
    expect(shown).not.toMatch(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}/)
    expect(valuesIn(`${shown}${JSON.stringify(document)}`, { [NAME]: VALUE })).toEqual([])
    expect(await done(machine, ["get", NAME, "--agent", "ci"])).toBe(VALUE)
  })
})

/** A file by which the test and the terminal wait for each other. */
const file = (name: "shown" | "asked" | "typed" | "ended"): string => join(machine.home, name)

/** What the terminal showed of questions: each one, and where it ended. */
function turnsOf(seen: Seen): string[] {
  return plain(seen).match(/What is the value of \S+|Return key alone: (?=\n)/g) ?? []
}

describe("two sessions that ask at one terminal", () => {
  const [one, two] = ["stripe/one", "stripe/two"]
  const values = { [one]: `${VALUE}-1`, [two]: `${VALUE}-2` }
  const prompt = "its value, or the Return key alone: "
  const answered = "Return key alone: "
  const bothInTurn = [one, two].flatMap((name) => [`What is the value of ${name}?`, answered])

  /** A server at a terminal, which answers the first question once the other one was asked. */
  function serve(...steps: Steps): Promise<Seen> {
    return atTerminal(machine, "mcp --agent ci --blind --listen 0".split(" "), [
      [prompt, { makes: file("shown") }],
      ["", { awaits: file("asked") }],
      ...steps,
      ["", { awaits: file("ended") }],
      ["", { signal: "SIGTERM" }],
    ])
  }

  test("take turns: each question is shown when the one before it is answered", async () => {
    const server = serve(["", `${values[one]}\r`], [prompt, `${values[two]}\r`])
    const at = await listeningAtTerminal()
    await using first = await HttpClient.open(at)
    await using second = await HttpClient.open(at, undefined, { name: "another client" })
    const answers = [first.call("request_secret", { ...ASKED, secret: one })]
    await expect.poll(() => existsSync(file("shown"))).toBe(true)
    answers.push(second.call("request_secret", { ...ASKED, secret: two }))
    // What the session was sent before has begun.
    await second.client.ping()
    writeFileSync(file("asked"), "")
    for (const answer of answers) expect(await answer).toMatchObject({ isError: false })
    writeFileSync(file("ended"), "")
    const seen = await server
    expect(turnsOf(seen)).toEqual(bothInTurn)
    for (const [name, value] of Object.entries(values)) {
      expect(await done(machine, ["get", name, "--agent", "ci"])).toBe(value)
    }
    expect(valuesIn(plain(seen), values)).toEqual([])
  })

  test("who gives up takes the question away: the rest of its line is not shown, and answers nothing", async () => {
    const [begun, rest] = [VALUE.slice(0, 9), VALUE.slice(9)]
    const server = serve(
      ["", begun],
      ["", { makes: file("typed") }],
      ["goes nowhere: press Enter.", `${rest}\r`],
      [prompt, `${values[two]}\r`],
    )
    const at = await listeningAtTerminal()
    await using first = await HttpClient.open(at)
    await using second = await HttpClient.open(at, undefined, { name: "another client" })
    const leaving = new AbortController()
    const asked = { name: "request_secret", arguments: { ...ASKED, secret: one } }
    const given = first.client
      .callTool(asked, undefined, { signal: leaving.signal })
      .catch(() => "given up")
    await expect.poll(() => existsSync(file("shown"))).toBe(true)
    const answer = second.call("request_secret", { ...ASKED, secret: two })
    await second.client.ping()
    writeFileSync(file("asked"), "")
    await expect.poll(() => existsSync(file("typed"))).toBe(true)
    leaving.abort()
    expect(await given).toBe("given up")
    expect(await answer).toMatchObject({ isError: false })
    writeFileSync(file("ended"), "")
    const seen = await server
    expect(turnsOf(seen)).toEqual(bothInTurn)
    expect([begun, rest].filter((part) => plain(seen).includes(part))).toEqual([])
    expect(await done(machine, ["get", two, "--agent", "ci"])).toBe(values[two])
    expect(await machine.call(["get", one, "--agent", "ci"])).toMatchObject({ code: 3 })
  })
})
