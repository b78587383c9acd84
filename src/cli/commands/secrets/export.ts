import {
  type Identity,
  type Place,
  VaultError,
  endLeases,
  keyHome,
  meantOr,
  newLeaseBook,
  shellWord,
  stateHome,
} from "../../../core/index.js"
import { sandboxSettings } from "../../clients/sandbox-settings.js"
import type { Door } from "../../door/door.js"
import { openForAgent, openForPerson } from "../../door/reading.js"
import { tell } from "../../door/render.js"
import { identityOf, isSet, option, options } from "../../door/who.js"
import { VALUE_FORMATS } from "../../exchange/value-formats.js"
import { SANDBOXES, VALUE_NAMES } from "../../parse/table/export.js"
import { assign, selectionOf } from "../../run/selection.js"
import { textOf } from "../../run/variable-values.js"
import { agentAt } from "../../run/who-runs.js"
import { noteOnce, writeOut } from "../../terminal/terminal.js"

export async function run(door: Door): Promise<void> {
  const format = formatOf(door)
  if (format !== undefined) return exportValues(door, format)
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

/** Which of the two is meant: values in a format, or the settings of a sandbox, which hold none. */
function formatOf(door: Door): keyof typeof VALUE_FORMATS | undefined {
  const [said, [sandbox]] = [option(door, "format"), door.call.words]
  const format = VALUE_NAMES.find((name) => name === said)
  if (format !== undefined && sandbox === undefined) return format
  if (format !== undefined) {
    throw new VaultError("USAGE", "--format prints values, and a sandbox's settings hold none", {
      hint: `either agent-vault export -g GROUP --format ${format}, or agent-vault export ${SANDBOXES.join("|")}`,
    })
  }
  const stray = ["to-terminal", "owner", "passphrase-fd"].find((name) => name in door.call.options)
  if (sandbox !== undefined && stray === undefined) return undefined
  throw new VaultError("USAGE", "nothing says what is to be exported", {
    hint: `values: --format ${VALUE_NAMES.join("|")}; the settings of a sandbox: agent-vault export ${SANDBOXES.join("|")}`,
  })
}

/** Prints values as they are. A screen keeps what it showed, so it has to be asked for. */
async function exportValues(door: Door, format: keyof typeof VALUE_FORMATS): Promise<void> {
  const { isTTY } = door.terminal.stdout
  if (isTTY && !isSet(door, "to-terminal")) {
    throw new VaultError("USAGE", "the values would be shown on this terminal", {
      hint: "pipe them on, or say that you mean it: --to-terminal",
    })
  }
  const selection = selectionOf(door)
  const identify = (place: Place): Promise<Identity> =>
    identityOf(door, place, isTTY ? "at-terminal" : "if-asked")
  const leases = newLeaseBook()
  const vault = await openForPerson(door, { surface: "cli", isShown: true }, { identify, leases })
  try {
    const assignments = await assign(vault, selection)
    const values = await vault.getMany(
      assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : [])),
    )
    const texts = new Map(assignments.map((each) => [each.variable, textOf(each, values)]))
    await vault.close()
    await writeOut(door.terminal, VALUE_FORMATS[format](texts))
  } catch (error) {
    // What is handed out lives on, and what is not does not.
    await endLeases(leases, door.env, noteOnce(door.terminal))
    throw error
  }
}

function sandboxOf({ call }: Door): (typeof SANDBOXES)[number] {
  const [word = ""] = call.words
  const sandbox = SANDBOXES.find((name) => name === word)
  if (sandbox !== undefined) return sandbox
  throw new VaultError("USAGE", `there is no sandbox ${word} whose settings agent-vault knows`, {
    hint: meantOr(word, SANDBOXES, `one of ${SANDBOXES.join(", ")}`),
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
