import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type AgentVault, openVault } from "../../../src/core/index.js"
import type { World } from "../world.js"

/** The world, whose programs trust an issuer of the tests and nobody else. */
export function trusting(world: World, { authority }: { readonly authority: string }): World {
  const roots = join(world.folder, "roots.pem")
  writeFileSync(roots, authority)
  return world.with({ SSL_CERT_FILE: roots })
}

/** What the agent ci reads with, whose audit is a file of the world's folder. */
export function readerIn({ env, top: dir, folder }: World): Promise<AgentVault> {
  return openVault({ dir, agent: "ci", env, audit: join(folder, "audit.jsonl") })
}
