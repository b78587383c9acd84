import { afterAll, beforeAll, expect, test } from "vitest"
import { type Machine, vaultMachine } from "../machine.js"

/** More than a pipe takes. */
const SIZE = 100_000

let machine: Machine

beforeAll(async () => {
  machine = await vaultMachine()
  const value = `python3 -c 'print("v" * ${SIZE}, end="")'`
  const made = await machine.shell(`${value} | agent-vault set big/x && agent-vault grant ci big`)
  expect(made.code).toBe(0)
})
afterAll(() => machine.remove())

/** Starts `get` with the end of a pipe, and goes on as `rest` says. */
function piped(before: string, rest: string): string {
  return [
    "import os, subprocess",
    "read, write = os.pipe()",
    before,
    `get = ["agent-vault", "get", "big/x", "--agent", "ci"]`,
    "program = subprocess.Popen(get, stdout=write)",
    "os.close(write)",
    rest,
  ].join("\n")
}

async function python(script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return machine.shell(`python3 - <<'END'\n${script}\nEND`)
}

test("a pipe that nobody waits for gets the whole value, when it takes more", async () => {
  const reading = [
    "size = 0",
    "while len(piece := os.read(read, 1000)) > 0: size += len(piece)",
    "print(size, program.wait())",
  ].join("\n")
  const { stdout, stderr } = await python(piped("os.set_blocking(write, False)", reading))
  expect([stdout, stderr]).toEqual([`${SIZE} 0\n`, ""])
})

test("a reader that has gone is no error", async () => {
  const { stdout, stderr } = await python(piped("", "os.close(read)\nprint(program.wait())"))
  expect([stdout, stderr]).toEqual(["0\n", ""])
})

test("a file gets the value, and a device that is full is told of", async () => {
  const file = await machine.shell("agent-vault get big/x --agent ci > value && wc -c < value")
  expect(file.stdout.trim()).toBe(String(SIZE))
  const full = await machine.shell("agent-vault get big/x --agent ci > /dev/full")
  expect(full.stderr).toContain("NO_ACCESS: the output could not be written (ENOSPC)")
})
