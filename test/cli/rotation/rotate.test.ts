import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { Door } from "../../../src/cli/door/door.js"
import { runStep } from "../../../src/cli/rotation/run-step.js"
import { findVault } from "../../../src/core/index.js"
import { atTerminal, plain } from "../at-terminal.js"
import { Machine, type Ran } from "../machine.js"
import { doLine } from "../typed-line.js"

const NAME = "stripe/api-key"
const OLD = "old-value-for-a-test"
const NEW = "new-value-for-a-test"

let template: Machine
let machine: Machine
beforeAll(async () => {
  template = new Machine()
  const line = `agent-vault init --name alice && printf %s ${OLD} | agent-vault set ${NAME}`
  expect(await doLine(template, line)).toMatchObject({ code: 0 })
})
afterAll(() => template.remove())
beforeEach(() => {
  machine = template.copy()
  program(
    "roll",
    `echo ran >> ${log()}; test "$(cat)" = ${OLD} && env > ${log()}.env; pwd >> ${log()}.env
    echo "was ${OLD}, is ${NEW}" >&2; echo ${NEW}`,
  )
})
afterEach(() => machine.remove())

/** What an owner does before programs are to run, or looks at after, which need be no process. */
const owner = (line: string): Promise<Ran> => doLine(machine, line)

const log = (): string => join(machine.home, "log")
const logged = (): string => (existsSync(log()) ? readFileSync(log(), "utf8") : "")

/** A program of this machine, outside of the repository. */
function program(name: string, script: string): void {
  const file = join(machine.home, "bin", name)
  mkdirSync(join(machine.home, "bin"), { recursive: true })
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

async function steps(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const step = { roll: "run", try: "test", finish: "end" }[name] ?? "run"
    const ran = await owner(`agent-vault rotation -s ${NAME} --step ${step} -- ${name}`)
    expect(ran).toMatchObject({ code: 0 })
  }
}

async function fingerprint(): Promise<string> {
  const { stdout } = await owner(`agent-vault rotate ${NAME} --dry-run --json`)
  return (JSON.parse(stdout) as { fingerprint: string }).fingerprint
}

/** Rotates, with the agreement of whoever looked at the programs. */
async function rotate(): Promise<Ran> {
  return machine.shell(`agent-vault rotate ${NAME} --agree ${await fingerprint()}`)
}

const value = async (): Promise<string> => (await owner(`agent-vault get ${NAME} --owner`)).stdout

/** What the state folder holds, as text. */
function state(): string {
  const folder = join(machine.home, ".local", "state")
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name), "latin1"))
    .join("\n")
}

describe("rotate", () => {
  test("runs nothing where a new value could not be kept", async () => {
    await steps("roll")
    expect(await rotate()).toMatchObject({ code: 0 })
    const made = `cd ~/.local/state/agent-vault/*/rotations && mkdir room`
    expect(await machine.shell(made)).toMatchObject({ code: 0 })
    const refused = await rotate()
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain("rotations/room")
    expect(logged()).toBe("ran\n")
  })

  test("runs nothing before somebody agreed to the very programs, and then without asking", async () => {
    await steps("roll")
    const asked = await machine.shell(`agent-vault rotate ${NAME}`)
    expect(asked).toMatchObject({ code: 2 })
    expect(asked.stderr).toContain("NO_TERMINAL")
    expect(asked.stderr).toContain(`--agree ${await fingerprint()}`)
    expect(logged()).toBe("")
    expect(await rotate()).toMatchObject({ code: 0 })
    expect(await value()).toBe(NEW)
    program("roll", `echo ran >> ${log()}; echo third-value-for-a-test`)
    expect(await machine.shell(`agent-vault rotate ${NAME}`)).toMatchObject({ code: 0 })
    expect(await value()).toBe("third-value-for-a-test")
  })

  test("takes no agreement to other programs, and asks anew when they change", async () => {
    await steps("roll")
    const before = await fingerprint()
    expect(await rotate()).toMatchObject({ code: 0 })
    await steps("other")
    const ran = await machine.shell(`agent-vault rotate ${NAME} --agree ${before}`)
    expect(ran.stderr).toContain("UNCONFIRMED")
    expect((await machine.shell(`agent-vault rotate ${NAME}`)).stderr).toContain("NO_TERMINAL")
    expect(logged()).toBe("ran\n")
  })

  test("waits for a person where an agent's harness runs", async () => {
    await steps("roll")
    const line = `CLAUDECODE=1 agent-vault rotate ${NAME} --agree ${await fingerprint()}`
    expect((await machine.shell(line)).stderr).toContain("UNCONFIRMED")
    const changed = await machine.shell(`CLAUDECODE=1 agent-vault rotation -s ${NAME} -- other`)
    expect(changed.stderr).toContain("UNCONFIRMED")
    expect(logged()).toBe("")
  })

  test("runs nothing that lies in the repository, by whatever way", async () => {
    const inside = join(machine.repo, "inside")
    writeFileSync(inside, `#!/bin/sh\necho ran >> ${log()}; echo ${NEW}\n`)
    chmodSync(inside, 0o755)
    for (const words of [inside, "inside", "./inside", `sh ${inside}`, "sh inside"]) {
      await owner(`agent-vault rotation -s ${NAME} -- ${words}`)
      const line = `PATH=.:${machine.repo}:$PATH agent-vault rotate ${NAME} --agree ${await fingerprint()}`
      expect((await machine.shell(line)).stderr).toMatch(/COMMAND_NOT_|ROTATION_FAILED/)
    }
    expect(logged()).toBe("")
    expect(await value()).toBe(OLD)
  })

  test("gives the program the old value and nothing of ours, and shows neither value", async () => {
    await steps("roll")
    const ran = await machine.shell(
      `AGENT_VAULT_OWN=x agent-vault rotate ${NAME} --agree ${await fingerprint()}`,
    )
    expect(ran).toMatchObject({ code: 0 })
    const given = readFileSync(`${log()}.env`, "utf8")
    expect(given).not.toContain("AGENT_VAULT")
    expect(given.trimEnd().endsWith("\n/")).toBe(true)
    expect(ran.stderr).toContain("run: was ")
    expect(ran.stdout + ran.stderr + state()).not.toMatch(/(?:old|new)-value-for-a-test/)
  })

  test("keeps a value whose test fails, sealed, and goes on with it", async () => {
    program("try", `test "$(cat)" = ${NEW} && test -e ${log()}.good`)
    await steps("roll", "try")
    const failed = await rotate()
    expect(failed).toMatchObject({ code: 6 })
    expect(failed.stderr).toContain("ROTATION_FAILED")
    expect(await value()).toBe(OLD)
    expect(state()).not.toContain(NEW)
    writeFileSync(`${log()}.good`, "")
    const ran = await machine.shell(`agent-vault rotate ${NAME} --json`)
    expect(JSON.parse(ran.stdout)).toMatchObject({ name: NAME, version: 2, ended: false })
    expect(await value()).toBe(NEW)
    expect(logged()).toBe("ran\n")
  })

  test("does not set over a value that came meanwhile, and keeps its own until it is discarded", async () => {
    program("try", `test -e ${log()}.good`)
    await steps("roll", "try")
    expect(await rotate()).toMatchObject({ code: 6 })
    await owner(`printf %s a-third-value | agent-vault set ${NAME}`)
    writeFileSync(`${log()}.good`, "")
    const ran = await machine.shell(`agent-vault rotate ${NAME}`)
    expect(ran.stderr).toContain("CONFLICT")
    expect(await value()).toBe("a-third-value")
    expect((await owner(`agent-vault rotate ${NAME} --dry-run`)).stdout).toContain("kept")
    expect(await owner(`agent-vault rotate ${NAME} --discard`)).toMatchObject({ code: 0 })
    const plan = await owner(`agent-vault rotate ${NAME} --dry-run --json`)
    expect(JSON.parse(plan.stdout)).toMatchObject({ kept: false })
  })

  test("ends the old value after the new one is set, and only that again where it failed", async () => {
    program("finish", `test "$(cat)" = ${OLD} && test -e ${log()}.good && echo ended >> ${log()}`)
    await steps("roll", "finish")
    const failed = await rotate()
    expect(failed.stderr).toContain(`${NAME} has its new value`)
    expect(await value()).toBe(NEW)
    writeFileSync(`${log()}.good`, "")
    expect(await machine.shell(`agent-vault rotate ${NAME}`)).toMatchObject({ code: 0 })
    expect(logged()).toBe("ran\nended\n")
    expect(await value()).toBe(NEW)
  })

  test.each([
    ["fails", "echo a-value-for-nobody; echo a-value-for-nobody >&2; exit 3"],
    ["prints nothing", "true"],
    ["prints the old value", "cat"],
  ])("changes and keeps nothing where the program %s", async (_how, script) => {
    program("roll", script)
    await steps("roll")
    const ran = await rotate()
    expect(ran).toMatchObject({ code: 6 })
    expect(ran.stderr).toContain("ROTATION_FAILED")
    expect(ran.stderr).not.toContain("a-value-for-nobody")
    expect(await value()).toBe(OLD)
    const plan = await owner(`agent-vault rotate ${NAME} --dry-run --json`)
    expect(JSON.parse(plan.stdout)).toMatchObject({ kept: false })
  })

  test.each(["INT", "TERM"])(
    "ends the program when SIG%s comes, and says what holds",
    async (name) => {
      program(
        "roll",
        `sleep 600 & echo $! > ${log()}.child; kill -${name} $(cat ${log()}.pid); exec sleep 60`,
      )
      await steps("roll")
      const line = `agent-vault rotate ${NAME} --agree ${await fingerprint()} & echo $! > ${log()}.pid; wait $!`
      // A shell without jobs has its children ignore SIGINT.
      const ran = await machine.shell(`set -m; ${line}`)
      expect(ran).toMatchObject({ code: 130 })
      expect(ran.stderr).toContain(`${NAME} is as it was`)
      expect(await value()).toBe(OLD)
      const left = await machine.shell(`grep -q ") [^ZX] " /proc/$(cat ${log()}.child)/stat`)
      expect(left.code).not.toBe(0)
    },
  )

  test("asks at a terminal, runs nothing at a no, and remembers a typed yes", async () => {
    await steps("roll")
    const question = "Run this on this machine? [yes/no]"
    const no = await atTerminal(machine, ["rotate", NAME], [[question, "no\r"]])
    expect([no.code, plain(no)]).toEqual([0, expect.stringContaining("Nothing was run.")])
    expect(logged()).toBe("")
    const yes = await atTerminal(
      machine,
      ["rotate", NAME],
      [
        [question, "y\r"],
        [`In full, please. ${question}`, "yes\r"],
      ],
    )
    expect([yes.code, plain(yes)]).toEqual([0, expect.stringMatching(/run +roll[^]*is rotated/)])
    expect(await value()).toBe(NEW)
    const plan = await owner(`agent-vault rotate ${NAME} --dry-run --json`)
    expect(JSON.parse(plan.stdout)).toMatchObject({ agreed: true })
  })

  test("ends a program that takes too long", async () => {
    program("roll", "exec sleep 300")
    const door = { env: machine.env, terminal: { ...process, env: machine.env } } as unknown as Door
    const step = { step: "run", words: ["roll"], stdin: Buffer.of(), hidden: [] } as const
    const end = await runStep(door, findVault(machine.repo), { ...step, timeLimit: 200 })
    expect(end).toEqual({ is: "failed", why: "took longer than 0.2 seconds, and was ended" })
  })

  test("sets the value of one of two at once, and keeps that of the other", async () => {
    program(
      "roll",
      `echo ran >> ${log()}; until test -e ${log()}.go; do sleep 0.1; done
      echo value-for-a-test-$$`,
    )
    await steps("roll")
    const one = `agent-vault rotate ${NAME} --agree ${await fingerprint()}`
    const ran = await machine.shell(`touch ${log()}
      ${one} 2>&1 & first=$!
      ${one} 2>&1 & second=$!
      until test $(wc -l < ${log()}) -eq 2; do sleep 0.1; done
      touch ${log()}.go
      wait $first; one=$?; wait $second; echo "ended with $one and $?"`)
    expect(ran.stdout).toMatch(/ended with (0 and 6|6 and 0)/)
    expect(ran.stdout).toMatch(/agent-vault: (?:BUSY|CONFLICT): .*\n.*(?:not lost|is kept here)/)
    expect(await value()).toMatch(/^value-for-a-test-\d+$/)
    const kept = readdirSync(join(machine.home, ".local/state"), { recursive: true })
    const sealed = kept.map(String).filter((file) => /rotations\/.*\.age$/.test(file))
    expect(sealed).toHaveLength(1)
  })

  test("says what is missing where a record names no rotation, also after --forget", async () => {
    const none = `the record of ${NAME} names no rotation`
    expect((await machine.shell(`agent-vault rotate ${NAME}`)).stderr).toContain(none)
    await steps("roll")
    expect(await owner(`agent-vault rotate ${NAME} --forget`)).toMatchObject({ code: 0 })
    expect((await machine.shell(`agent-vault rotate ${NAME}`)).stderr).toContain(none)
    const early = await owner(`agent-vault rotation -s ${NAME} --step end -- finish`)
    expect(early).toMatchObject({ code: 2 })
  })
})
