import { type ErrorCode, VaultError } from "../words/errors.js"
import { agentHarness, underHarness } from "./harness.js"
import type { Environment } from "../disk/homes.js"
import {
  type AskPassphrase,
  type Key,
  agentKeyFile,
  findOwnKey,
  localAgents,
  ownerKeyFile,
  parseKey,
  readKeyFile,
} from "./key-files.js"
import { meantOr, parseAgentName } from "../words/names.js"

/** What the caller said about who acts. */
export interface IdentityChoice {
  /** `--identity FILE` */
  readonly identityFile?: string | undefined
  /** The content of a key file, from a program that holds it. */
  readonly identity?: string | undefined
  /** `--agent NAME` */
  readonly agent?: string | undefined
  /** `--owner` */
  readonly owner?: boolean | undefined
}

/** What helps where no key is: whoever meets this is on an agent's machine, not on an owner's. */
const BRING_A_KEY =
  "put a key file that was brought here where it belongs: agent-vault key add FILE; or give it by AGENT_VAULT_IDENTITY_FILE"

/**
 * Whether the owner's key serves when nothing else was set: for a change, for a person who reads at
 * a terminal, only where it is asked for (`--owner`), or not even then.
 */
export type OwnerByDefault = "always" | "at-terminal" | "if-asked" | "never"

/** A key, and what decided that it is this one. */
export interface Identity extends Key {
  /** For example `--agent ci` or `AGENT_VAULT_IDENTITY`. */
  readonly decidedBy: string
}

/**
 * The one rule of which identity acts: the first source that is set decides, and if it fails,
 * that is the error. Nothing falls back to the owner's key but a change, or a person reading at a
 * terminal. Throws `NO_IDENTITY`, `OWNER_KEY_UNASKED`, `KEY_WRONG_VAULT` and those of key files.
 */
export async function chooseIdentity(
  vault: string,
  choice: IdentityChoice,
  ownerByDefault: OwnerByDefault,
  env: Environment,
  ask: AskPassphrase,
): Promise<Identity> {
  const source = setSource(vault, choice, env) ?? defaultSource(vault, ownerByDefault, env)
  const key = await source.read(ask)
  refuseOtherVault(key, vault, source.name)
  return { ...key, ...attendance(vault, key, env), decidedBy: source.name }
}

/** Refuses a key whose file names another vault; `name` says where the key came from. Throws `KEY_WRONG_VAULT`. */
export function refuseOtherVault(key: Key, vault: string, name: string): void {
  if (key.vault === undefined || key.vault === vault) return
  throw new VaultError("KEY_WRONG_VAULT", `the key of ${name} is for the vault ${key.vault}`, {
    hint: `this vault is ${vault}: choose its key (--identity, --agent or --owner; in the SDK: identityFile or agent)`,
  })
}

/** What the key acts under: its passphrase is something that only a person has. */
function attendance(vault: string, key: Key, env: Environment): Pick<Key, "under"> {
  const under = underHarness(vault, env)
  if (under === undefined) return {}
  return { under: key.hasPassphrase === true ? { ...under, vouched: "passphrase" } : under }
}

/** What would decide the identity, without reading a key; undefined when nothing is set. */
export function decidingSource(choice: IdentityChoice, env: Environment): string | undefined {
  return setSource("", choice, env)?.name
}

interface IdentitySource {
  readonly name: string
  readonly read: (ask: AskPassphrase) => Promise<Key>
}

/** What is set, in the order in which it decides. */
function setSources(vault: string, choice: IdentityChoice, env: Environment): IdentitySource[] {
  const { identityFile, identity, agent, owner } = choice
  const content = env["AGENT_VAULT_IDENTITY"]
  const fileVariable = env["AGENT_VAULT_IDENTITY_FILE"]
  const agentVariable = env["AGENT_VAULT_AGENT"]
  const sources: (IdentitySource | undefined)[] = [
    identityFile === undefined
      ? undefined
      : fileSource(identityFile, `--identity ${identityFile}`, env),
    identity === undefined
      ? undefined
      : { name: "the identity given", read: () => parseKey(identity, "the identity given") },
    content === undefined ? undefined : contentSource(content, "AGENT_VAULT_IDENTITY"),
    fileVariable === undefined
      ? undefined
      : fileSource(fileVariable, "AGENT_VAULT_IDENTITY_FILE", env),
    agent === undefined ? undefined : agentSource(vault, agent, "--agent", env),
    agentVariable === undefined
      ? undefined
      : agentSource(vault, agentVariable, "AGENT_VAULT_AGENT", env),
    owner === true ? ownerSource(vault, "--owner", env) : undefined,
  ]
  return sources.filter((source) => source !== undefined)
}

/** The first source decides. Two that a person typed, or --owner and anything else, contradict. */
function setSource(
  vault: string,
  choice: IdentityChoice,
  env: Environment,
): IdentitySource | undefined {
  const [first, ...others] = setSources(vault, choice, env)
  const contradiction = others.find(
    ({ name }) => name === "--owner" || (name.startsWith("--") && first?.name.startsWith("--")),
  )
  if (first === undefined || contradiction === undefined) return first
  throw new VaultError("USAGE", `${first.name} and ${contradiction.name} both say who acts`, {
    hint: first.name.startsWith("--")
      ? "give one of them"
      : `unset ${first.name.split(" ")[0] ?? ""}`,
  })
}

function contentSource(content: string, name: string): IdentitySource {
  // What a CI makes of a secret that it does not give.
  const what = "the content of a key file (a CI gives no secrets to pull requests of forks)"
  if (content === "") return emptySource("KEY_INVALID", name, what)
  return { name, read: () => parseKey(content, name) }
}

function fileSource(file: string, name: string, env: Environment): IdentitySource {
  if (file === "") return emptySource("KEY_NOT_FOUND", name, "the path of a key file")
  return { name, read: (ask) => readKeyFile(file, env, ask) }
}

/** A variable that is set to nothing decides as well: nobody acts as somebody else by an oversight. */
function emptySource(code: ErrorCode, name: string, what: string): IdentitySource {
  const hint = `set it to ${what}, or unset ${name}`
  return { name, read: () => Promise.reject(new VaultError(code, `${name} is empty`, { hint })) }
}

function defaultSource(
  vault: string,
  ownerByDefault: OwnerByDefault,
  env: Environment,
): IdentitySource {
  const harness = agentHarness(env)
  if (ownerByDefault === "always") {
    return ownerSource(
      vault,
      "the owner's key",
      env,
      "sets AGENT_VAULT_IDENTITY_FILE; who is none: agent-vault join NAME",
    )
  }
  if (ownerByDefault === "at-terminal" && harness === undefined) {
    return ownerSource(vault, "the owner's key (a person at a terminal)", env)
  }
  if (ownerByDefault === "at-terminal" && harness !== undefined) {
    throw new VaultError(
      "OWNER_KEY_UNASKED",
      `${harness} runs here: the owner's key is not used unasked`,
      {
        hint: whoToBe(vault, ownerByDefault, env),
      },
    )
  }
  throw new VaultError(
    "NO_IDENTITY",
    "nothing says who reads: the owner's key is not used unasked",
    {
      hint: whoToBe(vault, ownerByDefault, env),
    },
  )
}

function whoToBe(vault: string, ownerByDefault: OwnerByDefault, env: Environment): string {
  const [agent] = localAgents(vault, env)
  const asAgent =
    agent === undefined
      ? `${BRING_A_KEY} or --identity (in the SDK: identityFile)`
      : `say which agent: --agent ${agent} (in the SDK: agent)`
  return ownerByDefault === "never" ? asAgent : `${asAgent}; a person may say --owner`
}

function agentSource(vault: string, name: string, how: string, env: Environment): IdentitySource {
  if (name === "") return emptySource("NAME_INVALID", how, "the name of an agent")
  const read = async (ask: AskPassphrase): Promise<Key> => {
    const file = agentKeyFile(vault, parseAgentName(name), env)
    return explainMissing(
      await findOwnKey(file, env, ask),
      `there is no key of agent ${name} here (${file}${byVariable(env)})`,
      otherAgents(name, localAgents(vault, env)),
    )
  }
  return { name: `${how} ${name}`, read }
}

function otherAgents(name: string, local: readonly string[]): string {
  const here =
    local.length === 0 ? "there is no agent's key here" : `the keys here: ${local.join(", ")}`
  return meantOr(name, local, `${here}; ${BRING_A_KEY}`)
}

function ownerSource(
  vault: string,
  name: string,
  env: Environment,
  otherwise = "say which agent you are: --agent NAME (in the SDK: agent)",
): IdentitySource {
  const read = async (ask: AskPassphrase): Promise<Key> => {
    const file = ownerKeyFile(vault, env)
    return explainMissing(
      await findOwnKey(file, env, ask),
      `there is no owner's key for this vault here (${file}${byVariable(env)})`,
      `an owner types agent-vault key add FILE, or ${otherwise}`,
    )
  }
  return { name, read }
}

/** Who forgot the variable looks for a key where it always was. */
function byVariable(env: Environment): string {
  return env["AGENT_VAULT_HOME"] ? ", since AGENT_VAULT_HOME is set" : ""
}

function explainMissing(key: Key | undefined, message: string, hint: string): Key {
  if (key === undefined) throw new VaultError("KEY_NOT_FOUND", message, { hint })
  return key
}
