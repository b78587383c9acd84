import { realpathSync } from "node:fs"
import { VaultError, claimedId, parseAgentName, parseGroupName } from "../../../core/index.js"
import { requirePersonFor } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { withPerson } from "../../door/confirm-person.js"
import { openForAgent } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { option, options, placeOf } from "../../door/who.js"
import { agentAt } from "../../run/who-runs.js"
import { assign } from "../../run/selection.js"
import { allow } from "../../shell/allowances.js"

/** Lets shells with the hook have the variables of the vault here. */
export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const [root, vault] = [realpathSync(place.root), claimedId(place)]
  const groups = options(door, "group").map(parseGroupName)
  const chosen = option(door, "agent")
  const named = chosen === undefined ? undefined : parseAgentName(chosen)
  const key = groups.length === 0 ? undefined : await agentAt(door, place)
  const agent = key?.agent ?? named
  const variables = groups.length === 0 ? [] : await variablesOf(door, groups)
  await withPerson(door, (person) => {
    requirePersonFor("let shells have variables of this vault", vault, door.env, person)
    allow(door.env, { vault, root, groups, ...(agent === undefined ? {} : { agent }) })
  })
  if (await asJson(door, { vault, root, groups, agent, variables })) return
  tell(
    door,
    groups.length === 0
      ? "Shells get placeholders here, and the broker's address, while a proxy runs: agent-vault proxy"
      : `Shells get the values of ${variables.join(", ")} here, and so does what they start.`,
    "They need the hook: agent-vault help hook. Taken back by: agent-vault hook deny",
  )
}

/** The names that shells will have. Throws what would keep them from it. */
async function variablesOf(door: Door, groups: readonly string[]): Promise<readonly string[]> {
  const outlet = { surface: "run", isShown: true } as const
  const vault = await openForAgent(door, outlet, { program: "shell" })
  try {
    for (const group of groups) {
      const isOpen = (await vault.list(group)).every(({ readable }) => readable)
      if (!isOpen) throw closed(vault.agent ?? "this key", group)
    }
    const assignments = await assign(vault, { secrets: [], groups, fromFiles: [] })
    return assignments.map(({ variable }) => variable)
  } finally {
    await vault.close()
  }
}

function closed(agent: string, group: string): VaultError {
  return new VaultError("NOT_GRANTED", `${agent} may not open ${group}`, {
    hint: `ask an owner: agent-vault grant ${agent} ${group}`,
  })
}
