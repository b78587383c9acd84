import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { bubblewrap } from "../../../scripts/bubblewrap.mjs"
import { testUnless } from "../../needs.js"
import { atTerminal } from "../at-terminal.js"
import type { Machine } from "../machine.js"
import { CTRL_C } from "./at-shell.js"
import { VALUES, runMachine, startRun } from "./run-machine.js"

// Whoever is told to end before the program begins, ends, and leaves nothing.

const found = await bubblewrap()
const lackBubblewrap = "missing" in found ? found.missing : undefined

let machine: Machine
let temporary: string

beforeAll(async () => {
  machine = await runMachine()
  temporary = join(machine.home, "temporary")
  const rule = ["--host", "api.example.com", "--method", "GET", "--path", "/**"]
  const place = ["--at", "header:authorization", "--scheme", "bearer", "--yes"]
  const { code, stderr } = await machine.call(["use", "stripe/api-key", ...rule, ...place])
  if (code !== 0) throw new Error(stderr)
  mkdirSync(temporary)
  writeFileSync(join(machine.home, "ends.cjs"), ENDS_ITSELF)
})
beforeEach(() => {
  rmSync(began(), { force: true })
})
afterAll(() => machine.remove())

/** A preload: tells its process to end as soon as the broker has its folder, and not a moment later. */
const ENDS_ITSELF = `
  const fs = require("node:fs")
  const { mkdirSync } = fs
  fs.mkdirSync = (path, options) => {
    const made = mkdirSync(path, options)
    if (path.includes("/agent-vault-broker-")) process.kill(process.pid, process.env.ENDS_BY)
    return made
  }`
const endsBy = (signal: NodeJS.Signals): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--require ${join(machine.home, "ends.cjs")}`,
  ENDS_BY: signal,
})

/** Found among all processes of the machine. */
const sleeping = `sleep 600.${process.pid}`
const began = (): string => join(machine.home, "began")
const options = (isolation: string): string[] => {
  return ["--agent", "ci", "--blind", "--isolate", isolation, "-s", "stripe/api-key"]
}
const start = (isolation: string, env: NodeJS.ProcessEnv = {}) => {
  const program = ["sh", "-c", `touch ${began()}; exec ${sleeping}`]
  const more = { TMPDIR: temporary, ...env }
  return startRun(machine, [...options(isolation), "--", ...program], { env: more })
}
/** A bubblewrap that makes the isolation of a real run as `line` says; of that only, it tells of itself. */
const wrapped = (line: string): NodeJS.ProcessEnv => {
  const bin = join(machine.home, "wrapped")
  mkdirSync(bin, { recursive: true })
  const script = `#!/bin/sh
    PATH="\${PATH#*:}"
    case "$*" in *--info-fd*) ${line};; *) exec bwrap "$@";; esac`
  writeFileSync(join(bin, "bwrap"), script, { mode: 0o755 })
  return { PATH: `${bin}:${machine.env["PATH"]}` }
}
const expectNothing = async (): Promise<void> => {
  expect(readdirSync(temporary)).toEqual([])
  const { stdout } = await machine.shell(`ps -eo args | grep "[s]${sleeping.slice(1)}"; true`)
  expect(stdout).toBe("")
}

describe.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s", (signal) => {
  const code = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]

  test("before there is anything ends a blind run", async () => {
    const run = start("none")
    run.child.kill(signal)
    expect([signal, code]).toContain(await run.ended)
    await expectNothing()
  })

  test("while the broker is made ready ends it, and the program does not begin", async () => {
    const run = start("none", endsBy(signal))
    expect(await run.ended, run.stderr()).toBe(code)
    expect(existsSync(began())).toBe(false)
    await expectNothing()
  })

  test("at the first line on stderr ends it, or the program that has begun", async () => {
    const run = start("none")
    await run.tells("runs blind with")
    run.child.kill(signal)
    expect(await run.ended, run.stderr()).toBe(code)
    await expectNothing()
  })

  testUnless(lackBubblewrap, "while isolation is made ends it as well", async () => {
    const goes = join(machine.home, `goes-${signal}`)
    const told = join(machine.home, `told-${signal}`)
    const bwrap = wrapped(`trap "touch '${told}'" INT TERM HUP
      echo waits >&2; while ! [ -e '${goes}' ]; do sleep 0.05; done
      exec bwrap "$@"`)
    const run = start("bwrap", bwrap)
    await run.tells("waits")
    run.child.kill(signal)
    writeFileSync(goes, "")
    expect(await run.ended, run.stderr()).toBe(code)
    expect([existsSync(told), existsSync(began())]).toEqual([false, false])
    await expectNothing()
  })
})

testUnless(lackBubblewrap, "isolation that is never made ends with the second signal", async () => {
  const run = start("bwrap", wrapped("echo waits >&2; exec sleep 600"))
  await run.tells("waits")
  // Two at once may be heard of as one.
  const again = setInterval(() => run.child.kill("SIGTERM"), 50)
  const end = await run.ended
  clearInterval(again)
  // One more may meet what is left of us when all is done.
  expect([143, "SIGTERM"]).toContain(end)
  await expectNothing()
})

testUnless(
  lackBubblewrap,
  "what is refused while isolation is made is told, and nothing begins",
  async () => {
    const words = ["--agent", "ci", "--blind", "--isolate", "bwrap", "-s", "stripe/webhook"]
    const program = ["sh", "-c", `touch ${began()}; exec ${sleeping}`]
    const run = startRun(machine, [...words, "--", ...program], { env: { TMPDIR: temporary } })
    expect([await run.ended, existsSync(began())], run.stderr()).toEqual([125, false])
    expect(run.stderr()).toMatch(/^agent-vault: USE_REFUSED: no secret of this run has a use/)
    expect(run.stderr()).not.toContain("runs blind with")
    await expectNothing()
  },
)

testUnless(lackBubblewrap, "no program begins that outlived what isolates it", async () => {
  // As where bubblewrap ends before what it made asks to end with it.
  const bwrap = wrapped(`for word; do
        shift
        [ "$word" = --die-with-parent ] || set -- "$@" "$word"
      done
      bwrap "$@" & kill -KILL $$`)
  const run = start("bwrap", bwrap)
  expect(await run.ended, run.stderr()).toBe(137)
  expect(existsSync(began())).toBe(false)
  await expectNothing()
})

test("Ctrl-C at the first line ends a blind run at a terminal", async () => {
  const argv = ["run", ...options("none"), "--", ...sleeping.split(" ")]
  const more = { env: { TMPDIR: temporary } }
  const { code, shown } = await atTerminal(machine, argv, [["runs blind with", CTRL_C]], more)
  expect(code, shown).toBe(130)
  await expectNothing()
})

testUnless(lackBubblewrap, "Ctrl-C while its network is made ends it as well", async () => {
  const slow = join(machine.home, "slow")
  const waits = `console.error("waits"); setInterval(() => {}, 1000)`
  writeFileSync(slow, `#!/bin/sh\nexec '${process.execPath}' -e '${waits}'`, { mode: 0o755 })
  const env = wrapped(`for word; do
        shift
        [ "$word" = '${process.execPath}' ] && word='${slow}'
        set -- "$@" "$word"
      done
      exec bwrap "$@"`)
  const argv = ["run", ...options("bwrap"), "--", "sh", "-c", `touch ${began()}`]
  const more = { env: { ...env, TMPDIR: temporary } }
  const { code, shown } = await atTerminal(machine, argv, [["waits", CTRL_C]], more)
  expect(code, shown).toBe(130)
  expect(existsSync(began())).toBe(false)
  await expectNothing()
})

test("a proxy that is told to end before it serves leaves nothing", async () => {
  const argv = ["--agent", "ci", "-s", "stripe/api-key"]
  const line = `exec agent-vault proxy ${argv.join(" ")}`
  const env = { ...machine.env, TMPDIR: temporary, ...endsBy("SIGINT") }
  const proxy = spawn("bash", ["-c", line], { cwd: machine.repo, env, stdio: "ignore" })
  expect(await once(proxy, "exit")).toEqual([0, null])
  await expectNothing()
})

test("what a killed broker leaves is certificates, and the next run clears it", async () => {
  const run = start("none")
  await expect.poll(() => existsSync(began())).toBe(true)
  const [left = ""] = readdirSync(temporary)
  run.child.kill("SIGKILL")
  // Its own line, which has the program's in it, is gone then.
  await once(run.child, "exit")
  const { stdout } = await machine.shell(`pgrep -f "[s]${sleeping.slice(1)}"`)
  process.kill(Number(stdout))
  await run.ended
  const files = readdirSync(join(temporary, left))
  expect(files.toSorted()).toEqual(["authority.pem", "bundle.pem", "java.p12"])
  for (const name of files) {
    const held = readFileSync(join(temporary, left, name), "latin1")
    expect(held).not.toContain("PRIVATE")
    expect(held).not.toContain(VALUES["stripe/api-key"])
  }
  const others = ["agent-vault-broker-of-somebody", "agent-vault-broker-abcdef"]
  for (const name of others) mkdirSync(join(temporary, name))
  const next = start("none")
  await next.tells("runs blind with")
  expect(readdirSync(temporary)).not.toContain(left)
  next.child.kill("SIGTERM")
  await next.ended
  expect(readdirSync(temporary).toSorted()).toEqual(others.toSorted())
  for (const name of others) rmSync(join(temporary, name), { recursive: true })
})
