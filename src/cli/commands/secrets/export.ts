import { VaultError, keyHome, nearest, shellWord, stateHome } from "../../../core/index.js"
import { sandboxSettings } from "../../clients/sandbox-settings.js"
import type { Door } from "../../door/door.js"
import { openForAgent } from "../../door/reading.js"
import { tell } from "../../door/render.js"
import { option, options } from "../../door/who.js"
import { SANDBOXES } from "../../parse/table/export.js"
import { assign, selectionOf } from "../../run/selection.js"
import { agentAt } from "../../run/who-runs.js"
import { writeOut } from "../../terminal/terminal.js"

export async function run(door: Door): Promise<void> {
  const sandbox = sandboxOf(door)
  const selection = selectionOf(door)
  const vault = await openForAgent(
    door,
    { surface: "run" },
    { identify: (place) => agentAt(door, place) },
  )
  const assignments = await assign(vault, selection)
  const uses = new Map((await vault.list()).map(({ name, use = [] }) => [name, use]))
  await vault.close()
  const variables = assignments.flatMap(({ variable, value }) =>
    "secret" in value
      ? [{ variable, secret: value.secret, use: uses.get(value.secret) ?? [] }]
      : [],
  )
  const kept = [keyHome(door.env), stateHome(door.env)]
  const { document, notes } = sandboxSettings(sandbox, variables, kept)
  await writeOut(door.terminal, `${JSON.stringify(document, null, 2)}\n`)
  tell(door, ...notes, `Start it with the values, which it then keeps: ${startLine(door, sandbox)}`)
}

function sandboxOf({ call }: Door): (typeof SANDBOXES)[number] {
  const [word = ""] = call.words
  const sandbox = SANDBOXES.find((name) => name === word)
  if (sandbox !== undefined) return sandbox
  const near = nearest(word, SANDBOXES)
  throw new VaultError("USAGE", `there is no sandbox ${word} whose settings agent-vault knows`, {
    hint: near === undefined ? `one of ${SANDBOXES.join(", ")}` : `did you mean ${near}?`,
  })
}

function startLine(door: Door, sandbox: (typeof SANDBOXES)[number]): string {
  const agent = option(door, "agent")
  const words = [
    ...(agent === undefined ? [] : ["--agent", agent]),
    ...options(door, "group").flatMap((group) => ["-g", group]),
    ...options(door, "secret").flatMap((secret) => ["-s", secret]),
  ]
  const program = sandbox === "claude" ? "claude" : "srt --settings FILE COMMAND"
  return `agent-vault run ${words.map(shellWord).join(" ")} -- ${program}`
}
