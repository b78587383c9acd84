import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect } from "vitest"
import { testUnless } from "../../needs.js"
import { Machine, vaultMachine } from "../machine.js"
import { Tmux, noTmux } from "./tmux.js"

/** What a person sees at a terminal that many sit at; pty.test.ts has what is sent to one. */

const FAKE = "not-a-real-value"

let machine: Machine
let tmux: Tmux | undefined

beforeEach(async () => {
  machine = await vaultMachine()
})
afterEach(() => {
  tmux?.end()
  tmux = undefined
  machine.remove()
})

function at(place: Machine, more?: ConstructorParameters<typeof Tmux>[1]): Tmux {
  tmux = new Tmux(place, more)
  return tmux
}

function testHere(name: string, body: () => Promise<void>): void {
  testUnless(noTmux, name, body)
}

describe("what is not to be seen", () => {
  testHere("a value", async () => {
    const window = at(machine)
    await window.begin("agent-vault set stripe/new")
    await window.shows("Value of stripe/new (not shown):")
    window.type(FAKE)
    const screen = await window.ended()
    expect(screen).toContain("stripe/new is stored, version 1.")
    expect(screen).toContain("code=0")
    expect(screen).not.toContain(FAKE)
    expect((await machine.call(["get", "stripe/new", "--owner"])).stdout).toBe(FAKE)
  })

  testHere("the passphrase of a new owner's key, asked for twice", async () => {
    const empty = new Machine()
    try {
      const window = at(empty)
      await window.begin("agent-vault init --name alice")
      await window.shows("(empty for none):")
      window.type("made-up horse")
      await window.shows("The same again:")
      window.type("made-up horse")
      await window.shows("install the guard")
      window.type("no")
      const screen = await window.ended()
      expect(screen).toContain("code=0")
      expect(screen).not.toContain("horse")
      tmux?.end()
    } finally {
      tmux = undefined
      empty.remove()
    }
  })
})

describe("the terminal is as it was", () => {
  testHere("after Ctrl-C at a hidden prompt: what is typed is seen again", async () => {
    const window = at(machine)
    await window.begin("agent-vault set stripe/new")
    await window.shows("Value of stripe/new (not shown):")
    window.type("")
    expect(await window.ended()).toContain("code=2")
    await window.begin("agent-vault set stripe/new")
    await window.shows("Value of stripe/new (not shown):")
    window.press("C-c")
    expect(await window.ended()).toContain("code=130")
    window.type("echo typed")
    expect(await window.shows("\ntyped")).toContain("at work> echo typed\n")
    expect(await window.ran("stty -a")).toMatch(/(?<!-)\bicanon [^]*(?<!-)\becho /)
  })

  testHere("after a question that is answered no, and nothing is changed", async () => {
    const manifest = join(machine.repo, ".agent-vault/manifest.yaml")
    const text = readFileSync(manifest, "utf8")
    writeFileSync(manifest, text.replace(/^groups:$/m, "groups:\n  later: {}"))
    const before = machine.git("rev-parse", "HEAD")
    const window = at(machine)
    await window.begin("agent-vault apply")
    await window.shows("Make it so? [yes/no]")
    window.type("no")
    expect(await window.ended()).toMatch(/Make it so\? \[yes\/no\] no$/m)
    expect(machine.git("rev-parse", "HEAD")).toBe(before)
    expect(await window.ran("stty -a")).toMatch(/(?<!-)\bicanon [^]*(?<!-)\becho /)
  })
})

describe("in a window of 40 columns", () => {
  testHere("a table loses nothing", async () => {
    const window = at(machine, { width: 40 })
    const screen = await window.ran("agent-vault list")
    for (const name of ["db/password", "stripe/api-key", "stripe/webhook"]) {
      expect(screen).toMatch(new RegExp(`^${name} +1 .*(?:ci|owners only)`, "m"))
    }
  })

  testHere("a long description is cut, and whole in a pipe", async () => {
    const said = `for the ${"very ".repeat(30)}end`
    await machine.call(["meta", "db/password", "--description", said])
    const window = at(machine, { width: 80 })
    await window.ran("agent-vault list db")
    expect(window.screen("-J")).toMatch(/^db\/password .* for the.*…$/m)
    expect(window.screen("-J")).not.toContain("end")
    expect(await window.ran("agent-vault list db | cat | tail -c 5")).toContain("end")
  })

  testHere("help is broken between words", async () => {
    const window = at(machine, { width: 40 })
    await window.ran("agent-vault help agent list")
    expect(window.screen()).toBe(window.screen("-J").replace(/ +$/gm, ""))
  })
})

describe("colours", () => {
  const attention = "\u001b[33mattention\u001b[39m"

  testHere("are shown, and with NO_COLOR none is", async () => {
    await machine.call(["revoke", "ci", "--all"])
    const window = at(machine)
    await window.ran("agent-vault check")
    expect(window.screen("-e")).toContain(attention)
    const plain = await window.ran("NO_COLOR=1 agent-vault check")
    expect(plain).toContain("attention  EXPOSED")
    expect(window.screen("-e")).not.toContain("\u001b")
  })
})
