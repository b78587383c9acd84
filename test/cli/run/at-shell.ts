import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { type Seen, type Steps, atTerminal } from "../at-terminal.js"
import type { Machine } from "../machine.js"

/** What a terminal sends for these keys. */
export const [CTRL_C, CTRL_Z, CTRL_BACKSLASH] = ["\u0003", "\u001a", "\u001c"] as const

/** A program of Node whose exit code says how often it got a signal: 41 for once. */
export const counting = (signal: string): string => `
  let count = 0
  process.on("${signal}", () => { count += 1; setTimeout(() => process.exit(40 + count), 400) })
  setInterval(() => {}, 1000)
  console.log("ready")`

const ASKS = `process.on("SIGCONT", () => console.log("goes " + "on"))
process.stdin.once("data", (x) => { console.log("got <" + String(x).trim() + ">"); process.exit(8) })
console.log("rea" + "dy")`

/** Types into a shell with jobs, whose prompts are numbered. */
export function atShell(machine: Machine, steps: Steps): Promise<Seen> {
  const argv = ["env", "PS1=prompt \\#: ", "bash", "--norc", "--noprofile", "-i"]
  return atTerminal(machine, argv, steps, { program: [] })
}

/** Ctrl-Z stops `agent-vault run OPTIONS` and its program, and `fg` goes on. */
export async function expectStopAndGoOn(
  machine: Machine,
  options: readonly string[],
): Promise<void> {
  writeFileSync(join(machine.repo, "asks.cjs"), ASKS)
  // Bash drops what is typed while it takes the terminal back, or gives it away: so a line is typed
  // at its next prompt, by number, or when the program says that it goes on.
  const { shown } = await atShell(machine, [
    ["prompt 1: ", `agent-vault run ${options.join(" ")} -- node asks.cjs\r`],
    ["ready", CTRL_Z],
    ["prompt 2: ", "ps -ww -A -o stat,args\r"],
    ["prompt 3: ", "fg\r"],
    ["goes on", "hello\r"],
    ["prompt 4: ", "echo code=$?; exit\r"],
  ])
  expect(shown).toMatch(/^T\S* +.*agent-vault run/m)
  expect(shown).toMatch(/^T\S* +node asks/m)
  expect(shown).toContain("got <hello>")
  expect(shown).toContain("code=8")
}
