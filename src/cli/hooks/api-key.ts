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
import { readingKeyless } from "../door/reading.js"
import { wordsIn } from "./hook-line.js"
import type { HookSpot } from "./hook-spot.js"

/** Claude Code starts this command for its own key: https://code.claude.com/docs/en/settings */
const SETTING = "apiKeyHelper"
/** Where each client that takes its own key from a command sends it. */
const SERVICES: Readonly<Record<string, { readonly host: string; readonly service: string }>> = {
  "claude-code": { host: "api.anthropic.com", service: "anthropic" },
  codex: { host: "api.openai.com", service: "openai" },
}
const OURS = /(^|[\s/'"])(agent-vault|bin\.cjs)['"]? get /

/** A client's own key: where the client sends it, and what this program is given to print it. */
interface ClientKey {
  readonly host: string
  readonly args: readonly string[]
}

/** A command in a client's file that prints its own key. */
export interface KeyCommand {
  readonly secret: string
  /** What this program is given. */
  readonly args: readonly string[]
}

/** The command that a file of Claude Code names for its key, if it is one of ours. */
export function claudeKeyWords(config: ClientConfig): readonly string[] | undefined {
  const { [SETTING]: line } = contentOf(config)
  return typeof line === "string" && OURS.test(line) ? wordsIn(line) : undefined
}

/** What this program is given in a command that prints a key, if that is as we write it. */
export function keyCommandIn(words: readonly string[]): KeyCommand | undefined {
  const args = words.slice(Math.max(0, words.lastIndexOf("get")))
  const [get, secret = "", agent, , dir] = args
  const isWhole = args.length === 4 || (args.length === 6 && dir === "--dir")
  const isOurs = get === "get" && agent === "--agent" && isWhole
  return isOurs && !secret.startsWith("-") ? { secret, args } : undefined
}

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
): Promise<ClientKey> {
  const goes = SERVICES[client.name]
  if (goes === undefined) {
    throw new VaultError("USAGE", `--api-key sets up claude-code and codex, not ${client.name}`, {
      hint: "start it blind, with the key's placeholder: agent-vault run --blind -g GROUP -- CLIENT",
    })
  }
  const { host, service } = goes
  const { full } = parseSecretName(secret)
  const all = await readingKeyless(door, place, (vault) => describeSecrets(vault))
  const found = all.find(({ name }) => name === full)
  if (found === undefined) {
    throw new VaultError("SECRET_NOT_FOUND", `there is no secret ${full}`, {
      hint: "agent-vault list",
    })
  }
  if (!(found.use ?? []).some(({ hosts }: Use) => hosts.includes(host))) {
    throw new VaultError("USE_REFUSED", `no use of ${full} names ${host}`, {
      hint: `an owner allows it: agent-vault use ${full} ${service}`,
    })
  }
  // The user's own file serves every project, whichever folder the client is started in.
  const isUsers = config.spot.scope === "user" || client.name === "codex"
  const where = isUsers ? ["--dir", dirname(place.root)] : []
  return { host, args: ["get", full, "--agent", agent, ...where] }
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
