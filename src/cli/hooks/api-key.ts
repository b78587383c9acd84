import { dirname } from "node:path"
import {
  type Place,
  type Use,
  VaultError,
  describeSecrets,
  parseSecretName,
} from "../../core/index.js"
import {
  type ClientConfig,
  type ServerEntry,
  contentOf,
  meaning,
} from "../clients/client-config.js"
import { editJsonc } from "../clients/jsonc.js"
import type { Door } from "../door/door.js"
import { readingVault } from "../door/reading.js"
import { identityIfSet } from "../door/who.js"
import type { HookSpot } from "./hook-spot.js"

/** Claude Code starts this command for its own key: https://code.claude.com/docs/en/settings */
const SETTING = "apiKeyHelper"
const HOST = "api.anthropic.com"
const OURS = /(^|[\s/'"])(agent-vault|bin\.cjs)['"]? get /

/**
 * The command that prints the key of a client, by a secret whose use names the client's own service:
 * any other would be sent to where its owner has not let it go. Throws `USAGE`, `SECRET_NOT_FOUND`,
 * `USE_REFUSED`.
 */
export async function keyCommand(
  door: Door,
  place: Place,
  { client, config }: HookSpot,
  { secret, agent }: { secret: string; agent: string },
): Promise<readonly string[]> {
  if (client.name !== "claude-code") {
    throw new VaultError("USAGE", `--api-key sets up claude-code, not ${client.name}`, {
      hint: "docs/hooks.md has the lines for Codex; or start it blind, with the key's placeholder: agent-vault run --blind -g GROUP -- CLIENT",
    })
  }
  const { full } = parseSecretName(secret)
  const trust = (await identityIfSet(door, place))?.trust
  const all = await readingVault(door, place, trust, (vault) => describeSecrets(vault))
  const found = all.find(({ name }) => name === full)
  if (found === undefined) {
    throw new VaultError("SECRET_NOT_FOUND", `there is no secret ${full}`, {
      hint: "agent-vault list",
    })
  }
  if (!(found.use ?? []).some(isForClient)) {
    throw new VaultError("USE_REFUSED", `no use of ${full} names ${HOST}`, {
      hint: `an owner allows it: agent-vault use ${full} anthropic`,
    })
  }
  // The user's own file serves every project, whichever folder the client is started in.
  const where = config.spot.scope === "user" ? ["--dir", dirname(place.root)] : []
  return ["get", full, "--agent", agent, ...where]
}

/** The text with the command, or without it if that is undefined and what stands there is ours. */
export function withKeyCommand(config: ClientConfig, command: string | undefined): string {
  const content = contentOf(config)
  const { [SETTING]: before, ...others } = content
  const isOurs = typeof before === "string" && OURS.test(before)
  if (command === undefined && !isOurs) return config.text
  const edited = editJsonc(config.text, [SETTING], command)
  const expected: ServerEntry = command === undefined ? others : { ...content, [SETTING]: command }
  return meaning(config, edited, expected)
}

function isForClient({ hosts }: Use): boolean {
  return hosts.includes(HOST)
}
