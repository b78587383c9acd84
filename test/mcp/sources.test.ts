import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../cli/machine.js"
import { Session } from "./session.js"

const NAME = "stripe/api-key"
const REFERENCE = "op://CI/Stripe/password"
const VALUE = "not-a-real-key-of-a-store"

let template: Machine
let machine: Machine

beforeAll(async () => {
  template = await vaultMachine()
  for (const name of [NAME, "stripe/webhook"]) {
    const reveal = name === NAME ? "allow" : "never"
    await template.call(["set", name, "--source", REFERENCE, "--keep", "5m", "--reveal", reveal])
  }
})
beforeEach(() => {
  machine = template.copy()
  const op = join(machine.home, "bin", "op")
  writeFileSync(op, `#!/bin/sh\necho "$*" >> ${log()}\nprintf ${VALUE}\n`)
  chmodSync(op, 0o755)
  writeFileSync(log(), "")
})
afterEach(() => machine.remove())
afterAll(() => template.remove())

const log = (): string => join(machine.home, "asked")
const asked = (): number => readFileSync(log(), "utf8").split("\n").length - 1

async function agree(name: string): Promise<void> {
  const { stderr } = await machine.call(["get", name, "--agent", "ci"])
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec(stderr) ?? []
  await machine.call(["get", name, "--agent", "ci", "--agree", fingerprint])
  writeFileSync(log(), "")
}

test("a model is shown no value of a store that nobody here agreed to", async () => {
  await using session = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
  const { isError, document } = await session.get(NAME)
  expect(isError).toBe(true)
  expect(document["error"]).toMatchObject({
    code: "SOURCE_UNAGREED",
    hint: expect.stringContaining(`agent-vault get ${NAME} --reference`) as string,
  })
  expect(session.messages.join("\n")).not.toContain(REFERENCE)
  expect(asked()).toBe(0)
})

test("a model is shown the value, which the server keeps for a while", async () => {
  await agree(NAME)
  await using session = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
  for (let time = 0; time < 2; time += 1) {
    expect(await session.get(NAME)).toEqual({
      isError: false,
      document: { name: NAME, version: 2, value: VALUE, encoding: "utf-8" },
    })
  }
  expect(asked()).toBe(1)
})

test("what may never be shown is not fetched to be refused", async () => {
  await agree("stripe/webhook")
  await using session = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
  const { isError, document } = await session.get("stripe/webhook")
  expect(isError).toBe(true)
  expect(document["error"]).toMatchObject({ code: "REVEAL_REFUSED" })
  expect(asked()).toBe(0)
})

test("a store that fails is told of without what it said", async () => {
  await agree(NAME)
  const op = join(machine.home, "bin", "op")
  writeFileSync(op, `#!/bin/sh\nprintf ${VALUE}; echo "for ${VALUE}" >&2; exit 4\n`)
  await using session = await Session.open(machine, ["--agent", "ci", "--reveal", "allow"])
  const { isError, document } = await session.get(NAME)
  expect(isError).toBe(true)
  expect(document["error"]).toMatchObject({ code: "SOURCE_FAILED" })
  expect(`${session.messages.join("\n")}${session.stderr}`).not.toContain(VALUE)
})
