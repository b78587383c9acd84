import { resolve } from "node:path"
import { emitWarning, env as processEnvironment } from "node:process"
import { AgentVault, type Pulls } from "./agent-vault.js"
import { VaultError } from "../words/errors.js"
import type { Environment } from "../disk/homes.js"
import { type IdentityChoice, chooseIdentity } from "../keys/identity.js"
import { claimedId, withVault } from "../vault/open.js"
import { findVault } from "../disk/place.js"
import { attributionOf, projectOf } from "../audit/attribution.js"
import { type Audit, auditFolder, auditTo, noAudit } from "../audit/audit.js"
import type { ReadEvent } from "../audit/read-event.js"
import type { Key } from "../keys/key-files.js"
import type { Vault } from "../vault/vault.js"
import type { ReaderRequest } from "./reader.js"
import { parseDuration } from "../words/time.js"
import { parseSigner } from "../memory/trust.js"

const SHORTEST_MS = 1000
/** What a timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1

/** Which vault, and who reads it. Without an identity, the environment says who. */
export interface OpenOptions {
  /** A folder in the repository of the vault; by default the current one. */
  readonly dir?: string | undefined
  /** The content of an agent's key file, or its line `AGE-SECRET-KEY-1…` alone. */
  readonly identity?: string | undefined
  /** The path of an agent's key file. */
  readonly identityFile?: string | undefined
  /** The name of an agent whose key lies on this machine, if the environment holds none. */
  readonly agent?: string | undefined
  /** The owner to trust, `ed25519:…`, where neither key file nor pin says it. */
  readonly trust?: string | undefined
  /**
   * The audit file. Before it hands out a value, each read appends a line without the value. By
   * default there is one for each agent, in `audit/` in the vault's part of the state folder. `false`
   * notes nothing: for a read-only image.
   */
  readonly audit?: string | false | undefined
  /** Called at every read, before the value is handed out. If it throws, the value stays inside. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
  /**
   * Pulls the repository this often: milliseconds, or a span like `5m`. For a clone that nobody
   * else works in; see {@link AgentVault.pull}. What is read is verified with or without it.
   */
  readonly pullEvery?: number | string | undefined
  /** Called after a pull that failed; without it, the process warns. Reading goes on. */
  readonly onPullError?: ((error: unknown) => void) | undefined
  /** Instead of `process.env`. */
  readonly env?: Environment | undefined
}

/**
 * Opens the vault of a folder for an agent. Who reads is decided as on the command line, by the
 * first that is set of: `identityFile` or `identity`, `AGENT_VAULT_IDENTITY`,
 * `AGENT_VAULT_IDENTITY_FILE`, `agent`, `AGENT_VAULT_AGENT`. So a program that names its agent runs
 * at a CI too, which has the key in a variable. The owner's key is never used unasked. Runs no Git. Throws `NO_VAULT`, `NO_IDENTITY`, `KEY_NOT_FOUND`, `KEY_INVALID`,
 * `KEY_WRONG_VAULT`, `UNTRUSTED`, `TRUST_MISMATCH`, and the codes of exit 5.
 *
 * @example
 * await using vault = await openVault({ dir: ".", agent: "ci" })
 * const key = await vault.get("stripe/api-key")
 */
export async function openVault(options: OpenOptions = {}): Promise<AgentVault> {
  const env = environmentOf(options)
  const place = findVault(options.dir ?? ".")
  const id = claimedId(place)
  const identity = await chooseIdentity(id, choiceOf(options), "never", env, nobodyToAsk)
  const { onRead } = options
  const audit = auditAt(id, options.audit, env)
  const outlet = { surface: "sdk" } as const
  const request = { place, key: identity, env, outlet, audit, onRead, onNote: warnOnce() }
  return openVaultAs(request, pullsOf(options))
}

/** Where the reads of a vault are noted, as the option `audit` says. */
export function auditAt(vault: string, audit: OpenOptions["audit"], env: Environment): Audit {
  const project = projectOf(env)
  if (audit === false) return noAudit(undefined, project)
  // A program may change its folder while it reads; an empty path is none, and is refused there.
  const place =
    audit === undefined ? { folder: auditFolder(vault, env) } : { file: audit && resolve(audit) }
  return auditTo(place, attributionOf(env), project)
}

function pullsOf({ pullEvery, onPullError = warn }: OpenOptions): Pulls | undefined {
  if (pullEvery === undefined) return undefined
  return { every: milliseconds(pullEvery), onError: onPullError }
}

function milliseconds(span: number | string): number {
  const ms = typeof span === "number" ? span : parseDuration(span) * 1000
  if (ms >= SHORTEST_MS && ms <= LONGEST_MS) return ms
  throw new VaultError("USAGE", "pullEvery is not a span of time between a second and 24 days", {
    hint: "give milliseconds, or a span like 5m or 12h",
  })
}

/** Warns of a note that may come with each of many changes, once. */
export function warnOnce(): (note: string) => void {
  const warned = new Set<string>()
  return (note) => {
    if (!warned.has(note)) emitWarning(`agent-vault: ${note}`)
    warned.add(note)
  }
}

function warn(error: unknown): void {
  const why = error instanceof Error ? error.message : String(error)
  emitWarning(`agent-vault could not pull: ${why}`)
}

/**
 * The same, for a door of this program that has chosen who reads. `agentsOnly` refuses an owner's
 * key, however it was given: `OWNER_KEY_UNASKED`.
 */
export async function openVaultAs(
  request: ReaderRequest & { readonly agentsOnly?: boolean },
  pulls?: Pulls,
): Promise<AgentVault> {
  const { place, key, env, onNote, agentsOnly = false } = request
  // A fault in the vault's owners shows now, not at the first read.
  const vault = await withVault(place, key.trust, env, (opened) => opened, onNote)
  if (agentsOnly) refuseOwnersKey(vault, key)
  return new AgentVault(vault.id, request, pulls)
}

/** Throws `OWNER_KEY_UNASKED` for the key of an owner of the vault. */
export function refuseOwnersKey({ owners }: Vault, key: Key): void {
  const owner = owners.find(({ recipient }) => recipient === key.recipient)
  if (owner === undefined) return
  throw new VaultError("OWNER_KEY_UNASKED", `this is the key of the owner ${owner.name}`, {
    hint: "programs and models read as an agent: name one that has a key here (--agent; in the SDK: agent), or give an agent's key file",
  })
}

/** What the options say about who acts. Throws `USAGE` if they say it twice. */
export function choiceOf({
  identity,
  identityFile,
  agent,
}: Pick<OpenOptions, "identity" | "identityFile" | "agent">): IdentityChoice {
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

/** The environment, in which the owner given is one more voice in whom to trust: all must agree. */
export function environmentOf(options: Pick<OpenOptions, "env" | "trust">): Environment {
  // From JavaScript: of a text, every option is missing, and another folder's vault would be opened.
  if (typeof options !== "object" || options === null) {
    throw new VaultError("USAGE", "what is opened is said by options, in an object", {
      hint: 'for example: openVault({ dir: ".", agent: "ci" })',
    })
  }
  const { env = processEnvironment, trust } = options
  const other = env["AGENT_VAULT_TRUST"]
  if (trust === undefined || trust === other) return env
  if (other === undefined) return { ...env, AGENT_VAULT_TRUST: parseSigner(trust) }
  throw new VaultError(
    "TRUST_MISMATCH",
    `the option trust names ${parseSigner(trust)}, but AGENT_VAULT_TRUST ${parseSigner(other)}`,
    { hint: "ask the owner which is right, and correct the other" },
  )
}

/** Answers for a program that cannot be asked for a passphrase. */
export function nobodyToAsk(file: string): Promise<string> {
  const error = new VaultError("NO_TERMINAL", `${file} is protected by a passphrase`, {
    hint: "give an agent's own key file, which has none; openOwnerVault() takes a passphrase",
  })
  return Promise.reject(error)
}
