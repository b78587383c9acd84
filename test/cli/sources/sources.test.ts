import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { gone } from "../../gone.js"
import { Machine, type Ran } from "../machine.js"
import { doLine } from "../typed-line.js"

const NAME = "stripe/api-key"
const REFERENCE = "op://CI/Stripe/password"
const VALUE = "not-a-real-key-of-a-store"

let template: Machine
let machine: Machine
beforeAll(async () => {
  template = new Machine()
  const made = await doLine(
    template,
    `agent-vault init --name alice && agent-vault agent add ci && agent-vault set ${NAME} --source ${REFERENCE} --keep 0 && agent-vault grant ci stripe`,
  )
  expect(made).toMatchObject({ code: 0 })
})
afterAll(() => template.remove())
beforeEach(() => {
  machine = template.copy()
  store(`printf %s ${VALUE}`)
})
afterEach(() => machine.remove())

/** What an owner does before a value is asked for, or looks at after, which need be no process. */
const owner = (line: string): Promise<Ran> => doLine(machine, line)

const log = (): string => join(machine.home, "log")
const asked = (): string[] =>
  existsSync(log()) ? readFileSync(log(), "utf8").trimEnd().split("\n") : []

/** A program that speaks as the one of 1Password does. */
function store(script: string, folder = join(machine.home, "bin")): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, "op"),
    `#!/bin/sh\necho "$0 $*" >> ${log()}; pwd >> ${log()}.at; env > ${log()}.env\n${script}\n`,
  )
  chmodSync(join(folder, "op"), 0o755)
}

async function agree(name = NAME): Promise<void> {
  const { stderr } = await machine.shell(`agent-vault get ${name} --agent ci`)
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec(stderr) ?? []
  const agreed = await machine.shell(`agent-vault get ${name} --agent ci --agree ${fingerprint}`)
  expect(agreed.stderr).not.toContain("agent-vault: ")
}

const get = (more = "") => machine.shell(`agent-vault get ${NAME} --agent ci ${more}`)

test("a value is fetched by the store's program, outside of the repository, and lies nowhere", async () => {
  await agree()
  const read = await machine.shell(`AGENT_VAULT_X=1 agent-vault get ${NAME} --agent ci`)
  expect(read).toMatchObject({ stdout: VALUE, code: 0 })
  expect(asked().at(-1)).toBe(`${machine.home}/bin/op read --no-newline ${REFERENCE}`)
  expect(readFileSync(`${log()}.at`, "utf8")).toMatch(/^(\/\n)+$/)
  expect(readFileSync(`${log()}.env`, "utf8")).not.toContain("AGENT_VAULT_")
  const found = await machine.shell(`grep -rl ${VALUE} ~ --exclude=op --exclude-dir=bin`)
  expect(found.stdout).toBe("")
})

test("nothing is asked on a machine where nobody agreed, by no door", async () => {
  const doors = [
    `agent-vault get ${NAME} --agent ci`,
    `agent-vault run -s ${NAME} --agent ci -- true`,
    `agent-vault export -g stripe --format json --agent ci`,
  ]
  for (const door of doors) {
    const ran = await machine.shell(door)
    expect(ran.stdout).toBe("")
    expect(ran.code).not.toBe(0)
    expect(ran.stderr).toContain("SOURCE_UNAGREED")
    expect(ran.stderr).not.toContain(REFERENCE)
  }
  const other = await get(`--agree ${"0".repeat(32)}`)
  expect(other).toMatchObject({ code: 4, stdout: "" })
  expect(asked()).toEqual([])
})

test("an agent in a harness does not agree for its person", async () => {
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec((await get()).stderr) ?? []
  const agreed = await machine.shell(
    `CLAUDECODE=1 agent-vault get ${NAME} --agent ci --agree ${fingerprint}`,
  )
  expect(agreed).toMatchObject({ code: 4, stdout: "" })
  expect(agreed.stderr).toContain("UNCONFIRMED")
  expect((await get()).stderr).toContain("SOURCE_UNAGREED")
  expect(asked()).toEqual([])
})

test("agreement is to one reference: another one, signed by an owner, is not fetched", async () => {
  await agree()
  const before = asked().length
  await owner(`agent-vault set ${NAME} --source op://Private/Bank/password`)
  expect((await get()).stderr).toContain("SOURCE_UNAGREED")
  await owner(`HOME_TOKEN=x agent-vault set ${NAME} --source env:HOME_TOKEN`)
  expect((await machine.shell(`HOME_TOKEN=x agent-vault get ${NAME} --agent ci`)).stdout).toBe("")
  expect(asked()).toHaveLength(before)
})

describe("a store that fails hands out nothing", () => {
  beforeEach(() => agree())

  test.each([
    ["ends with an error", `printf ${VALUE}; echo "error ${VALUE}" >&2; exit 1`, "ended with 1"],
    ["prints nothing", "true", "empty"],
    ["prints too much", "head -c 40000000 /dev/zero", "more than"],
    ["is ended", "kill -9 $$", "SIGKILL"],
  ])("which %s", async (_how, script, why) => {
    store(script)
    const read = await get()
    expect(read).toMatchObject({ stdout: "", code: 6 })
    expect(read.stderr).toContain("SOURCE_FAILED")
    expect(read.stderr).toContain(why)
    expect(read.stderr).not.toContain(VALUE)
    const ran = await machine.shell(`agent-vault run -s ${NAME} --agent ci -- echo began`)
    expect(ran).toMatchObject({ stdout: "", code: 125 })
  })

  test("which is only in the repository, or by a relative path", async () => {
    const before = asked().length
    await machine.shell("rm ~/bin/op")
    store(`printf ${VALUE}`, join(machine.repo, "bin"))
    const read = await machine.shell(`PATH=bin:.:$PWD/bin:$PATH agent-vault get ${NAME} --agent ci`)
    expect(read).toMatchObject({ stdout: "", code: 6 })
    expect(read.stderr).toContain("there is no program op on PATH")
    expect(asked()).toHaveLength(before)
  })
})

test("a store that fails does not wait for the others, and ends them", async () => {
  await agree()
  await owner(`agent-vault set stripe/other --source vault://secret/x#y`)
  await agree("stripe/other").catch(() => {})
  store("exec sleep 600")
  const ran = await machine.shell("agent-vault run -g stripe --agent ci -- echo began")
  expect(ran).toMatchObject({ stdout: "", code: 125 })
  expect(ran.stderr).toContain("there is no program vault on PATH")
})

test("where the system has no files left for it, the program could not be started", async () => {
  await agree()
  const said = await machine.shell(
    `for n in $(seq 16 30); do (ulimit -n $n; agent-vault get ${NAME} --agent ci 2>&1 >/dev/null); done`,
  )
  expect(said.stderr).not.toContain("at ")
  expect(said.stdout).not.toContain("BUG")
  expect(said.stdout).not.toContain("Unhandled")
  expect(said.stdout).toContain("op could not be started")
})

test("a log does not learn where a value comes from by --agree", async () => {
  const { stderr } = await get()
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec(stderr) ?? []
  expect((await get(`--agree ${fingerprint}`)).stderr).toBe("")
})

test("run gives the value to its program, and takes it out of the output", async () => {
  await agree()
  const ran = await machine.shell(
    `agent-vault run -s ${NAME} --agent ci -- sh -c 'test "$STRIPE_API_KEY" = ${VALUE} && echo same; echo $STRIPE_API_KEY'`,
  )
  expect(ran.stdout).toContain("same\n")
  expect(ran.stdout).not.toContain(VALUE)
})

test("a plain value takes the source away, also one of the reference's own text", async () => {
  await owner(`printf %s ${REFERENCE} | agent-vault set ${NAME}`)
  expect((await get()).stdout).toBe(REFERENCE)
  expect(asked()).toEqual([])
  const { stdout } = await owner(`agent-vault history ${NAME} --json`)
  expect(stdout).toContain('"source"')
})

test("what a revoke exposed stays so until an owner says that the store has another value", async () => {
  expect(await owner("agent-vault revoke ci stripe")).toMatchObject({ code: 0 })
  const exposed = async (): Promise<string> =>
    (await owner("agent-vault list --exposed --json")).stdout
  expect(await exposed()).toContain(NAME)
  for (const tells of ["blast ci", `who-could-read ${NAME}`]) {
    const { stdout } = await owner(`agent-vault ${tells} --json`)
    expect(stdout).toContain('"store": "op"')
  }
  await owner(`agent-vault set ${NAME} --source ${REFERENCE} --keep 0`)
  expect(await exposed()).not.toContain(NAME)
})

test("mv, meta and a rekey keep the source, and check names it", async () => {
  machine.git("tag", "before")
  await owner(
    `agent-vault meta ${NAME} --description kept && agent-vault group rekey stripe && agent-vault mv ${NAME} other/key`,
  )
  const { stdout } = await owner("agent-vault list --json")
  expect(stdout.replace(/\s+/g, "")).toContain('"source":{"keep":0,"store":"op"}')
  const compared = await owner("agent-vault check --against before")
  expect(compared.stdout).toContain("other/key comes from op (kept for 0 s)")
  expect((await owner("agent-vault get other/key --reference --owner")).stdout).toBe(REFERENCE)
})

test("no program rotates it, and its value of then is not told", async () => {
  const rotated = await owner(`agent-vault rotate ${NAME}`)
  expect(rotated.stderr).toContain("is rotated there")
  await owner(`echo plain | agent-vault set ${NAME}`)
  const earlier = await owner(`agent-vault get ${NAME}@1 --owner`)
  expect(earlier).toMatchObject({ stdout: "", code: 2 })
  const pointed = await owner(`agent-vault get ${NAME}@1 --owner --reference`)
  expect(pointed.stdout).toBe(REFERENCE)
})

test("no variable of this machine goes into a request, or stands in a blind program's reach", async () => {
  await owner(
    `agent-vault set ${NAME} --source env:STRIPE_KEY && agent-vault use ${NAME} stripe --yes`,
  )
  const ran = await machine.shell(
    `STRIPE_KEY=${VALUE} agent-vault run --blind --isolate none -s ${NAME} --agent ci -- echo began`,
  )
  expect(ran).toMatchObject({ stdout: "", code: 125 })
  expect(ran.stderr).toContain("USE_REFUSED")
})

test("the guard asks no store at a commit", async () => {
  await agree()
  const before = asked().length
  await machine.shell("echo text > notes.txt && git add notes.txt && agent-vault guard")
  expect(asked()).toHaveLength(before)
})

describe("a signal to us alone ends", () => {
  const told = ["get", "run -s"].flatMap((how) => ["TERM", "HUP"].map((name) => [how, name]))

  test.each(told)("what the store's program started, before us: %s, SIG%s", async (how, name) => {
    await agree()
    const started = join(machine.home, "started")
    store(`sleep 600 & echo $$ > ${started}; echo $! >> ${started}.child; wait`)
    const program = how === "get" ? `get ${NAME}` : `run -s ${NAME}`
    const ran =
      await machine.shell(`agent-vault ${program} --agent ci ${how === "get" ? "" : "-- true"} &
      until [ -s ${started}.child ]; do sleep 0.02; done
      kill -${name} $!; wait $!; echo $?`)
    expect(ran.stdout).toBe(`${128 + constants.signals[name === "TERM" ? "SIGTERM" : "SIGHUP"]}\n`)
    for (const file of [started, `${started}.child`]) await gone(Number(readFileSync(file, "utf8")))
  })
})
