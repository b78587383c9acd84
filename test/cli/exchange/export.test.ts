import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, property, string } from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { VALUE_FORMATS } from "../../../src/cli/exchange/value-formats.js"
import { parseEnvFile } from "../../../src/cli/run/env-file.js"
import { type Machine, vaultMachine } from "../machine.js"

let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
  // What is seen for the first time is remembered, and what is read together must not change.
  for (const name of ["api-key", "webhook"]) {
    await machine.call(["get", `stripe/${name}`, "--owner"])
  }
})
afterAll(() => machine.remove())

const ODD = "a'b\"c\\d$e`f g\nh\ti\r#é😀 $(echo no) !x"

test("values in each format, of a group and of single secrets", async () => {
  expect(await machine.call(["export", "-g", "stripe", "--format", "json", "--owner"])).toEqual({
    stdout: '{\n  "STRIPE_API_KEY": "v",\n  "STRIPE_WEBHOOK": "w"\n}\n',
    stderr: "",
    code: 0,
  })
  const one = ["export", "-s", "stripe/api-key=KEY", "--agent", "ci", "--format"]
  expect((await machine.call([...one, "dotenv"])).stdout).toBe("KEY=v\n")
  expect((await machine.call([...one, "shell"])).stdout).toBe("export KEY=v\n")
})

test("each read is noted, by the agent that it was for", async () => {
  await machine.call(["export", "-g", "stripe", "--format", "json", "--agent", "ci"])
  const { stdout } = await machine.call(["audit", "--agent", "ci", "--json"])
  const { lines } = JSON.parse(stdout) as { lines: { secrets: { name: string }[] }[] }
  const names = lines.flatMap(({ secrets }) => secrets.map(({ name }) => name))
  expect(names).toEqual(expect.arrayContaining(["stripe/api-key", "stripe/webhook"]))
})

test("whoever may not read gets nothing at all, and no key is used unasked", async () => {
  const argv = ["export", "-g", "db", "--format", "json"]
  expect(await machine.call([...argv, "--agent", "ci"])).toMatchObject({ stdout: "", code: 4 })
  expect(await machine.call(argv)).toMatchObject({ stdout: "", code: 3 })
})

test("a value that is not text is refused, whatever the format", async () => {
  await machine.call(["set", "bin/key", "--from-file", "-"], Buffer.from([0, 255]))
  const ran = await machine.call(["export", "-g", "bin", "--format", "json", "--owner"])
  expect(ran).toMatchObject({ stdout: "", code: 2 })
  expect(ran.stderr).toContain("VALUE_NOT_TEXT")
})

test("both doors are kept apart", async () => {
  expect(await usage("claude", "-g", "stripe", "--format", "json")).toContain("USAGE: --format")
  expect(await usage("-g", "stripe")).toContain("USAGE: nothing says what")
  expect(await usage("claude", "-g", "stripe", "--to-terminal")).toContain("USAGE")
  expect(await usage("--format", "json", "--owner")).toContain("USAGE: nothing says which")
  expect(await usage("-g", "stripe", "--format", "xml")).toContain("USAGE: --format is one of")
})

test("what is exported for a shell or as .env is read as it was, odd as it is", () => {
  expect(throughShell(ODD)).toBe(ODD)
  expect(throughEnvFile(ODD)).toBe(ODD)
  const text = string({ unit: "binary" }).map((each) => each.replaceAll("\0", ""))
  assert(property(text, (value) => throughEnvFile(value) === value))
})

test("a .env file says the same to Node, to a shell, and to Docker, which keeps quotes", () => {
  const values = new Map([
    ["PLAIN", "sk_live/+=.:@%,-"],
    ["EMPTY", ""],
    ["URL", String.raw`postgres://u:p$1"${"${HOME}"}\d@h/db #1`],
  ])
  const text = VALUE_FORMATS.dotenv(values)
  expect(text).toMatch(/^PLAIN=sk_live\/\+=\.:@%,-\nEMPTY=\n/)
  const file = join(machine.repo, "said.env")
  writeFileSync(file, text)
  const tell =
    "process.stdout.write(JSON.stringify(['PLAIN', 'EMPTY', 'URL'].map((n) => process.env[n])))"
  const told = JSON.stringify([...values.values()])
  const env = { PATH: process.env["PATH"] }
  const node = [`--env-file=${file}`, "-e", tell]
  expect(execFileSync(process.execPath, node, { env }).toString()).toBe(told)
  const sh = ["-c", 'set -a; . "$1"; exec "$2" -e "$3"', "sh", file, process.execPath, tell]
  expect(execFileSync("sh", sh, { env }).toString()).toBe(told)
})

test("no quote in a .env file ends behind a backslash, with which python-dotenv goes on", () => {
  const text = VALUE_FORMATS.dotenv(new Map([["VALUE", "ends in \\"]]))
  expect(text).toBe('VALUE="ends in \\\\"\n')
  expect(throughEnvFile("ends in \\")).toBe("ends in \\")
})

test("a file that was exported is imported as it was", async () => {
  await machine.call(["set", "odd/value"], `${ODD}\n`)
  const { stdout } = await machine.call(["export", "-g", "odd", "--format", "dotenv", "--owner"])
  writeFileSync(join(machine.repo, "odd.env"), stdout)
  expect((await machine.call(["import", "odd.env", "-g", "again"])).code).toBe(0)
  expect((await machine.call(["get", "again/odd-value", "--owner"])).stdout).toBe(ODD)
})

async function usage(...argv: readonly string[]): Promise<string> {
  return (await machine.call(["export", ...argv])).stderr
}

function throughShell(value: string): string {
  const script = `${VALUE_FORMATS.shell(new Map([["VALUE", value]]))}printf %s "$VALUE"`
  return execFileSync("sh", ["-c", script]).toString("utf8")
}

function throughEnvFile(value: string): string | undefined {
  const [read] = parseEnvFile(VALUE_FORMATS.dotenv(new Map([["VALUE", value]])), "file")
  return read !== undefined && "text" in read.value ? read.value.text : undefined
}
