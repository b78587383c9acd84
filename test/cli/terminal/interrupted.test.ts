import { execFileSync } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeAll, expect, test } from "vitest"
import { atTerminal } from "../at-terminal.js"
import { type Machine, vaultMachine } from "../machine.js"

/** Ctrl-C while something long is shown: what is on the screen then, and what it was worth. */
const CTRL_C = "\u0003"
const SHOWN = "re-encrypting secrets: 1 of 2"
const REVOKE = ["revoke", "ci", "stripe"]
let git = ""
const machines: Machine[] = []

beforeAll(() => {
  git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim()
})
afterEach(() => machines.splice(0).forEach((machine) => machine.remove()))

/** Ctrl-C ends the Git as well, and which of the two goes first is chance: this one goes last. */
const WAITS = "trap : INT; while kill -0 $PPID; do sleep 0.05; done 2>/dev/null"

/** A machine whose Git begins after a second, and never ends what is named. */
async function slowMachine(stops: string): Promise<Machine & { readonly stopped: string }> {
  const machine = await vaultMachine()
  machines.push(machine)
  const stopped = join(machine.home, "stopped")
  const lines = [
    "#!/bin/sh",
    'case " $* " in',
    '*" --show-object-format "*) sleep 1.1 ;;',
    `*" ${stops} "*) [ -e ${stopped} ] || { : >${stopped}; ${WAITS}; exit 1; } ;;`,
    "esac",
    `exec ${git} "$@"`,
  ]
  const file = join(machine.home, "bin", "git")
  writeFileSync(file, `${lines.join("\n")}\n`)
  chmodSync(file, 0o755)
  return Object.assign(machine, { stopped })
}

/** What is on the screen's last lines, the way a terminal shows it. */
function screen(shown: string): string[] {
  return shown
    .split("\n")
    .map((line) => line.split("\r\u001b[K").at(-1) ?? "")
    .filter((line) => line !== "")
}

async function interrupted(
  machine: Machine & { readonly stopped: string },
  argv: readonly string[] = REVOKE,
): Promise<{ lines: string[]; code: number }> {
  const { shown, code } = await atTerminal(machine, argv, [
    [SHOWN, { awaits: machine.stopped }],
    ["", CTRL_C],
  ])
  return { lines: screen(shown), code }
}

const SAID = "\u001b[1magent-vault: INTERRUPTED\u001b[22m: interrupted"
const BY_SIGNAL = -2

test("before the commit point it says that nothing was changed, and nothing was", async () => {
  const machine = await slowMachine("fast-import")
  const before = machine.git("rev-parse", "HEAD")
  expect(await interrupted(machine)).toEqual({
    lines: [`${SAID}: nothing was changed`],
    code: BY_SIGNAL,
  })
  expect(machine.git("rev-parse", "HEAD")).toBe(before)
  expect(machine.git("status", "--porcelain")).toBe("")
  expect((await machine.call(["get", "stripe/api-key", "--agent", "ci"])).stdout).toBe("v")
})

test.each([
  ["before the branch moved", "update-ref", "An interrupted change had not happened", "v"],
  ["after it", "update-index", "An interrupted change is complete now", ""],
])("while it is written, %s, it names what completes it", async (_when, stops, repaired, value) => {
  const machine = await slowMachine(stops)
  const { lines, code } = await interrupted(machine)
  expect(lines).toEqual([`${SAID} while the change was written`, expect.stringMatching(/repair$/)])
  expect(code).toBe(BY_SIGNAL)
  expect((await machine.call(["repair"])).stderr).toContain(repaired)
  expect((await machine.call(["get", "stripe/api-key", "--agent", "ci"])).stdout).toBe(value)
})

test("with --json it is one line of JSON", async () => {
  const { lines } = await interrupted(await slowMachine("fast-import"), [...REVOKE, "--json"])
  const error = { code: "INTERRUPTED", message: "interrupted: nothing was changed", exitCode: 130 }
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ error }])
})
