import { realpathSync } from "node:fs"
import { type Place, agentHarness, asVaultError, claimedId } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"
import { agentOfProxy, controlSocket } from "../../listening/running-proxy.js"
import { readSelected, textOf } from "../../run/variable-values.js"
import { type Allowance, allowancesIn } from "../../shell/allowances.js"
import { evaluated } from "../../shell/hook-scripts.js"
import { writeOut } from "../../terminal/terminal.js"
import { shellNamed } from "./hook.js"

const NOTHING: ReadonlyMap<string, string> = new Map()

/** Prints what a shell's hook evaluates here. Whatever is wrong is a line, and no variable. */
export async function run(door: Door): Promise<void> {
  const shell = shellNamed(door.call.words[0])
  let variables = NOTHING
  try {
    variables = await variablesHere(door)
  } catch (error) {
    const { code, message, hint } = asVaultError(error)
    tell(door, `agent-vault: ${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`)
  }
  if (variables.size === 0) return
  await writeOut(door.terminal, evaluated(shell, variables, door.env))
  tell(door, `agent-vault: this shell has ${[...variables.keys()].join(", ")} until you leave`)
}

async function variablesHere(door: Door): Promise<ReadonlyMap<string, string>> {
  const place = placeOf(door)
  const allowance = allowedAt(door, place)
  if (allowance === undefined) {
    tell(door, "agent-vault: there is a vault here; to have its variables: agent-vault hook allow")
    return NOTHING
  }
  return allowance.groups.length === 0 ? offered(door, allowance) : values(door, allowance)
}

/** A vault that came to the place of another was not allowed, and neither was one that moved. */
function allowedAt({ env }: Door, place: Place): Allowance | undefined {
  const [root, vault] = [realpathSync(place.root), claimedId(place)]
  return allowancesIn(env).find((each) => each.root === root && each.vault === vault)
}

/** The placeholders of a proxy that runs, and how its clients find it. No value is among them. */
async function offered(door: Door, { agent }: Allowance): Promise<ReadonlyMap<string, string>> {
  const proxy = await door.others.proxy()
  const control = controlSocket(door, await agentOfProxy(door, proxy, agent))
  return new Map(Object.entries(await proxy.offeredVariables({ control })))
}

async function values(
  door: Door,
  { agent, groups }: Allowance,
): Promise<ReadonlyMap<string, string>> {
  const harness = agentHarness(door.env)
  if (harness !== undefined) {
    tell(door, `agent-vault: ${harness} runs here, so this shell gets no values`)
    return NOTHING
  }
  const call = {
    ...door.call,
    options: { ...door.call.options, ...(agent === undefined ? {} : { agent }) },
  }
  const asAgent = { ...door, call }
  const { assignments, values: read } = await readSelected(
    asAgent,
    { secrets: [], groups, fromFiles: [] },
    { surface: "run", isShown: true },
    { program: "shell" },
  )
  return new Map(assignments.map((each) => [each.variable, textOf(each, read)]))
}
