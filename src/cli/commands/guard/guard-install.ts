import type { InstallRequest } from "../../../serving/guarding.js"
import type { Door } from "../../door/door.js"
import { programFiles } from "../../door/own-program.js"
import { harmless, say, writeOut } from "../../terminal/terminal.js"
import { isSet } from "../../door/who.js"

const ACTIONS = {
  "guard install": "install",
  "guard uninstall": "uninstall",
  "guard status": "status",
} as const

/** `guard install`, `guard uninstall` and `guard status`. */
export function run(door: Door): Promise<number> {
  return changeGuard(door, ACTIONS[door.call.command as keyof typeof ACTIONS], door.cwd)
}

/** Resolves to the exit code of the action, in the repository around a folder. */
export async function changeGuard(
  door: Door,
  action: InstallRequest["action"],
  folder: string,
): Promise<number> {
  const { terminal, env } = door
  const guard = await door.others.guard()
  return guard.installGuard({
    action,
    prePush: isSet(door, "push"),
    json: isSet(door, "json"),
    cwd: folder,
    env,
    mayRun: (hook) => mayRun(door, hook),
    program: programFiles(),
    write: async (document) => {
      await writeOut(terminal, document)
    },
    say: (line) => say(terminal, line),
  })
}

/** A hook that came with the repository is a program of somebody else's: nobody but the user runs it. */
async function mayRun(door: Door, hook: string): Promise<boolean> {
  const { terminal } = door
  if (isSet(door, "run-hooks")) return true
  if (!terminal.stdin.isTTY) return false
  const { confirm } = await import("../../terminal/ask.js")
  const question = `To try it, ${hook} has to run, as at your next commit. It came with this repository. Run it now?`
  const { typedAgain } = await import("../../parse/typed-again.js")
  return confirm(terminal, harmless(question), typedAgain(door.call, "--run-hooks"))
}
