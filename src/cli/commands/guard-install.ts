import { realpathSync } from "node:fs"
import { argv, execPath } from "node:process"
import type { Door } from "../door.js"
import { say, writeOut } from "../terminal.js"
import { isSet } from "../who.js"

const ACTIONS = {
  "guard install": "install",
  "guard uninstall": "uninstall",
  "guard status": "status",
} as const

/** `guard install`, `guard uninstall` and `guard status`. */
export async function run(door: Door): Promise<number> {
  const { terminal, cwd, env, call } = door
  const guard = await door.others.guard()
  return guard.installGuard({
    action: ACTIONS[call.command as keyof typeof ACTIONS],
    json: isSet(door, "json"),
    cwd,
    env,
    program: [execPath, realpathSync(argv[1] ?? execPath)],
    write: (document) => writeOut(terminal, document),
    say: (line) => say(terminal, line),
  })
}
