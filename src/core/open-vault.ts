import { env as processEnvironment } from "node:process"
import { AgentVault } from "./agent-vault.js"
import { VaultError } from "./errors.js"
import type { Environment } from "./homes.js"
import type { IdentityChoice } from "./identity.js"
import { identityAt, withVault } from "./open.js"
import { findVault } from "./place.js"
import type { ReadEvent } from "./read.js"
import type { ReaderRequest } from "./reader.js"
import { parseSigner } from "./trust.js"

/** Which vault, and who reads it. Without an identity, the environment says who. */
export interface OpenOptions {
  /** A folder in the repository of the vault; the current one if nothing is said. */
  readonly dir?: string | undefined
  /** The content of an agent's key file, or its line `AGE-SECRET-KEY-1…` alone. */
  readonly identity?: string | undefined
  /** The path of an agent's key file. */
  readonly identityFile?: string | undefined
  /** The name of an agent whose key lies on this machine. */
  readonly agent?: string | undefined
  /** The owner to trust, `ed25519:…`, where neither key file nor pin says it. */
  readonly trust?: string | undefined
  /** Told of every read before the value is handed out; if it throws, the value is not. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
  /** Instead of `process.env`. */
  readonly env?: Environment | undefined
}

/**
 * Opens the vault of a folder for an agent. Who reads is decided by the first of: the option given,
 * `AGENT_VAULT_IDENTITY`, `AGENT_VAULT_IDENTITY_FILE`, `AGENT_VAULT_AGENT`; the owner's key is never
 * used unasked. Runs no Git. Throws `NO_VAULT`, `NO_IDENTITY`, `KEY_NOT_FOUND`, `KEY_INVALID`,
 * `KEY_WRONG_VAULT`, `UNTRUSTED`, `TRUST_MISMATCH`, and the codes of exit 5.
 *
 * @example
 * await using vault = await openVault({ dir: ".", agent: "ci" })
 * const key = await vault.get("stripe/api-key")
 */
export async function openVault(options: OpenOptions = {}): Promise<AgentVault> {
  const env = environmentOf(options)
  const place = findVault(options.dir ?? ".")
  const identity = await identityAt(place, choiceOf(options), "never", env, nobodyToAsk)
  return openVaultAs({ place, key: identity, env, door: "sdk", onRead: options.onRead })
}

/**
 * The same, for a door of this program that has chosen who reads. `agentsOnly` refuses an owner's
 * key, however it was given: `OWNER_KEY_UNASKED`.
 */
export async function openVaultAs(
  request: ReaderRequest & { readonly agentsOnly?: boolean },
): Promise<AgentVault> {
  const { place, key, env, agentsOnly = false } = request
  // What is wrong with the vault's owners is said now, not at the first read.
  const { id, owners } = await withVault(place, key.trust, env, (vault) => vault)
  const owner = owners.find(({ recipient }) => recipient === key.recipient)
  if (agentsOnly && owner !== undefined) {
    throw new VaultError("OWNER_KEY_UNASKED", `this is the key of the owner ${owner.name}`, {
      hint: "programs and models read as an agent: --agent NAME, or an agent's key file",
    })
  }
  return new AgentVault(id, request)
}

function choiceOf({ identity, identityFile, agent }: OpenOptions): IdentityChoice {
  const given = Object.entries({ identity, identityFile, agent }).filter(
    ([, value]) => value !== undefined,
  )
  if (given.length > 1) {
    const [first, second] = given.map(([name]) => name)
    throw new VaultError("USAGE", `${first} and ${second} both say who reads`, {
      hint: "give one of them",
    })
  }
  return { identity, identityFile, agent }
}

/** The owner given is one more voice in whom to trust: all must agree. */
function environmentOf({ env = processEnvironment, trust }: OpenOptions): Environment {
  const other = env["AGENT_VAULT_TRUST"]
  if (trust === undefined || trust === other) return env
  if (other === undefined) return { ...env, AGENT_VAULT_TRUST: parseSigner(trust) }
  throw new VaultError(
    "TRUST_MISMATCH",
    `the option trust names ${parseSigner(trust)}, but AGENT_VAULT_TRUST ${parseSigner(other)}`,
    { hint: "ask the owner which is right, and correct the other" },
  )
}

/** An agent's key has no passphrase: nobody could type it. */
function nobodyToAsk(file: string): Promise<string> {
  const error = new VaultError("NO_TERMINAL", `${file} is protected by a passphrase`, {
    hint: "give an agent's own key file; an owner's key is for people, at a terminal",
  })
  return Promise.reject(error)
}
