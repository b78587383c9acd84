import { type Place, claimedId, describeAgents, shellWord } from "../../core/index.js"
import { keepersHere } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { verifiedOr } from "../door/reading.js"
import type { SeenHere } from "./look-around.js"

/** What agents kept here that the vault does not have any more: nobody else takes it away. */
export async function seeSuccessors(door: Door, place: Place): Promise<readonly SeenHere[]> {
  const keepers = keepersHere(claimedId(place), door.env)
  // Where nothing is kept, what is wrong with the vault is told once.
  if (keepers.length === 0) return []
  return verifiedOr(door, place, (vault) => {
    const agents = vault && describeAgents(vault).map(({ agent }) => agent)
    const left = keepers.filter(({ agent }) => agents?.includes(agent) === false)
    return Promise.resolve(left.map(({ agent, folder }) => seen(agent, folder)))
  })
}

function seen(agent: string, folder: string): SeenHere {
  return {
    step: "successors",
    is: "unknown",
    saw: `${folder} has refresh tokens that ${agent} kept, who is not an agent on this branch`,
    mend: `once an owner has what is still good of them in the vault: rm -r ${shellWord(folder)}`,
  }
}
