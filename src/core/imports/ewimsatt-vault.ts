import { basename, dirname, join } from "node:path"
import { type Unlock, unlocker } from "../age/age.js"
import { listFolder, lookAt, realPath } from "../disk/at-path.js"
import { FolderFiles } from "../disk/files.js"
import type { Environment } from "../disk/homes.js"
import type { Key } from "../keys/key-files.js"
import { VaultError } from "../words/errors.js"
import { VAULT_FOLDER, VAULT_RECORD } from "../words/layout.js"
import { LIMITS, mebibytes } from "../words/limits.js"
import { nearest, ownerNameFrom, parseAgentName, parseSecretName } from "../words/names.js"
import {
  type EwimsattManifest,
  checkEwimsattConfig,
  invalid,
  parseEwimsattManifest,
  parseEwimsattMeta,
} from "./ewimsatt-records.js"

// A vault of https://github.com/ewimsatt/agent-vault, version 0.1.0: each value is an age file sealed
// to its owner and to agents, beside a .meta file; the folder has the same name as ours.

/** A secret of such a vault. */
export interface EwimsattSecret {
  readonly group: string
  /** Without the group: one segment to four. */
  readonly name: string
  readonly value: Uint8Array
  readonly expires: string | undefined
  /** Whose keys there open it, as far as that vault says: its owners and agents, by names of ours. */
  readonly readers: readonly string[]
}

/** Where a secret lies, below `secrets/` and without an ending, and the group that it is in. */
interface SealedThere {
  readonly stem: string
  readonly group: string
  /** The owners, and the agents of its groups. */
  readonly readers: readonly string[]
}

/** All values of such a vault are in memory at once, with what was sealed. */
const MOST_SECRETS = 10_000
const MOST_BYTES = 4 * LIMITS.importFile
/** Each secret's record names them all. */
const MOST_NAMES = 1000
/** Stanzas for that many agents. */
const LONGEST_HEADER = 256 * 1024
const END_OF_HEADER = "\n---"

/** Where that program keeps the key of a vault's owner: one for all vaults of a user. */
export function ewimsattOwnerKeyFile(env: Environment): string {
  return join(env["HOME"] || env["USERPROFILE"] || "", VAULT_FOLDER, "owner.key")
}

/**
 * The secrets of the vault in a folder, opened with its owner's key, which is asked for once there is
 * such a vault; errors call the folder `shown`. Nothing is written. Throws `NO_VAULT`,
 * `CONFIG_INVALID`, `NAME_INVALID`, `FILE_UNSAFE`, `KEY_WRONG_VAULT`, `NOT_A_READER`,
 * `CIPHERTEXT_DAMAGED`.
 */
export async function readEwimsattVault(
  folder: string,
  shown: string,
  keyOfOwner: () => Promise<Key>,
): Promise<EwimsattSecret[]> {
  const files = filesIn(folder, shown)
  const manifest = manifestOf(files, shown)
  const entries = entriesOf(files, manifest, shown)
  const key = await keyOfOwner()
  refuseOtherKey(files, manifest, key, shown)
  const unlock = unlocker([key.identity])
  const secrets: EwimsattSecret[] = []
  const unopened: string[] = []
  let bytes = 0
  for (const entry of entries) {
    const value = await valueOf(files, entry, unlock, shown)
    if (value === undefined) unopened.push(entry.stem)
    else secrets.push({ ...describedAs(files, entry, shown), value })
    bytes += value?.length ?? 0
    if (bytes > MOST_BYTES) throw invalid(shown, `it holds more than ${mebibytes(MOST_BYTES)}`)
  }
  if (unopened.length > 0) throw notOpened(unopened, entries.length, shown)
  return secrets
}

/** The vault's files, read as ours are: through no link. Throws `NO_VAULT`. */
function filesIn(folder: string, shown: string): FolderFiles {
  if (lookAt(folder, "follow")?.isDirectory() !== true) {
    const near = nearest(basename(folder), listFolder(dirname(folder)))
    throw new VaultError("NO_VAULT", `there is no folder ${shown}`, {
      hint: near === undefined ? GIVE_FOLDER : `did you mean ${join(dirname(shown), near)}?`,
    })
  }
  const real = realPath(folder)
  return new FolderFiles(basename(real) === VAULT_FOLDER ? real : join(real, VAULT_FOLDER))
}

const GIVE_FOLDER = `give the folder in which \`agent-vault init\` of ewimsatt/agent-vault made ${VAULT_FOLDER}`

function manifestOf(files: FolderFiles, shown: string): EwimsattManifest {
  if (files.read(VAULT_RECORD) !== undefined) {
    throw new VaultError("NO_VAULT", `${shown} is a vault of this program, not of ewimsatt's`, {
      hint: "use it as it is: agent-vault list --dir FOLDER",
    })
  }
  const [config, manifest] = [files.read("config.yaml"), files.read("manifest.yaml")]
  if (config === undefined || manifest === undefined) {
    throw new VaultError("NO_VAULT", `${shown} is not a vault of ewimsatt/agent-vault`, {
      hint: GIVE_FOLDER,
    })
  }
  checkEwimsattConfig(config, `${shown}: config.yaml`)
  return parseEwimsattManifest(manifest, `${shown}: manifest.yaml`)
}

/** Whose key it is, a vault says only of its owner and its agents. Throws `KEY_WRONG_VAULT`. */
function refuseOtherKey(
  files: FolderFiles,
  { agents }: EwimsattManifest,
  { recipient }: Key,
  shown: string,
): void {
  const owner = textAt(files, "owner.pub")
  if (owner === recipient) return
  const agent = agents
    .map(({ name }) => name)
    .filter(isName)
    .find((name) => textAt(files, `agents/${name}/public.key`) === recipient)
  throw new VaultError("KEY_WRONG_VAULT", `the key is not that of the owner of ${shown}`, {
    hint:
      agent === undefined
        ? "that program keeps one owner's key, and `init` of another vault writes over it: give the right one with --owner-key FILE"
        : `it is the key of its agent ${agent}; give the owner's: --owner-key FILE`,
  })
}

function textAt(files: FolderFiles, path: string): string | undefined {
  const bytes = files.read(path)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1").trim()
}

/**
 * Every value that lies there, also what the manifest does not list: that program reads it all the
 * same. A secret in several groups stays in the one that its path begins with, if that is one of them.
 */
function entriesOf(files: FolderFiles, manifest: EwimsattManifest, shown: string): SealedThere[] {
  const groupsOf = new Map<string, Set<string>>()
  const stems = [...files.list()].flatMap((path) => /^secrets\/(.+)\.enc$/s.exec(path)?.[1] ?? [])
  for (const stem of stems) groupsOf.set(stem, new Set())
  for (const { name, secrets } of manifest.groups) {
    for (const path of secrets) {
      // What has no group in its path lies in a folder `default`.
      const stem = path.includes("/") ? path : `default/${path}`
      groupsOf.set(stem, (groupsOf.get(stem) ?? new Set()).add(name))
    }
  }
  if (groupsOf.size > MOST_SECRETS) throw invalid(shown, `it has more than ${MOST_SECRETS} secrets`)
  if (groupsOf.size === 0) throw invalid(shown, "it holds no secret")
  const agentsOf = agentsByGroup(manifest, shown)
  const owners = manifest.owners.length === 0 ? ["owner"] : manifest.owners
  return [...groupsOf].map(([stem, groups]) => {
    const own = stem.split("/")[0] ?? ""
    const [first = own] = groups
    const group = groups.has(own) ? own : first
    refuseName(stem, shown)
    refuseName(stem.startsWith(`${group}/`) ? stem : `${group}/${stem}`, shown)
    const readers = new Set(owners)
    for (const each of groups) for (const agent of agentsOf.get(each) ?? []) readers.add(agent)
    return { stem, group, readers: [...readers] }
  })
}

/** Asked once: each secret may be in each group, and each agent too. */
function agentsByGroup(
  { owners, agents }: EwimsattManifest,
  shown: string,
): ReadonlyMap<string, ReadonlySet<string>> {
  if (owners.length + agents.length > MOST_NAMES) throw tooManyNames(shown)
  const agentsOf = new Map<string, Set<string>>()
  for (const { name, groups } of agents) {
    for (const group of groups) agentsOf.set(group, (agentsOf.get(group) ?? new Set()).add(name))
  }
  return agentsOf
}

/** A path in that vault is a name here, or it is not read. Throws `NAME_INVALID`. */
function refuseName(name: string, shown: string): void {
  try {
    parseSecretName(name)
  } catch (error) {
    if (!VaultError.is(error)) throw error
    throw new VaultError("NAME_INVALID", `${shown}: ${error.message}`, {
      hint: "rename it there, or in a copy: its .enc and .meta file, and its line in manifest.yaml",
    })
  }
}

/** What is known of a secret beside its value. */
function describedAs(
  files: FolderFiles,
  { stem, group, readers }: SealedThere,
  shown: string,
): Omit<EwimsattSecret, "value"> {
  const path = `secrets/${stem}.meta`
  const bytes = files.read(path)
  files.letGo(path)
  const meta = bytes === undefined ? undefined : parseEwimsattMeta(bytes, `${shown}: ${path}`)
  const names = new Set([...readers, ...(meta?.agents ?? [])].map(nameHere))
  if (names.size > MOST_NAMES) throw tooManyNames(shown)
  const name = stem.startsWith(`${group}/`) ? stem.slice(group.length + 1) : stem
  return { group, name, expires: meta?.expires, readers: [...names] }
}

/** A value; undefined if it is sealed to others. Throws `CIPHERTEXT_DAMAGED`. */
async function valueOf(
  files: FolderFiles,
  { stem }: SealedThere,
  unlock: Unlock,
  shown: string,
): Promise<Uint8Array | undefined> {
  const path = `secrets/${stem}.enc`
  const sealed = files.read(path)
  files.letGo(path)
  if (sealed === undefined) throw invalid(shown, `its manifest lists ${stem}, which has no ${path}`)
  const header = Buffer.from(sealed.subarray(0, LONGEST_HEADER))
  try {
    // Each stanza is tried, and a file of stanzas alone would take minutes.
    if (header.includes(END_OF_HEADER)) return await unlock(sealed)
  } catch (error) {
    if (VaultError.is(error, "NOT_A_READER")) return undefined
    if (!VaultError.is(error, "CIPHERTEXT_DAMAGED")) throw error
  }
  throw new VaultError(
    "CIPHERTEXT_DAMAGED",
    `${shown}: ${path} is damaged, or is not an age file`,
    {
      hint: "bring it back there with git, or take it out of a copy; nothing was imported",
    },
  )
}

/** The names of that vault may have spaces, or be none here. */
function nameHere(name: string): string {
  return isName(name) ? name : (ownerNameFrom(name) ?? "unnamed")
}

function isName(name: string): boolean {
  try {
    return parseAgentName(name) === name
  } catch {
    return false
  }
}

/** Names in an error: as many as one reads. */
const SHOWN = 5

function notOpened(stems: readonly string[], all: number, shown: string): VaultError {
  const more = stems.length > SHOWN ? `, and ${stems.length - SHOWN} more` : ""
  const names = `${stems.slice(0, SHOWN).join(", ")}${more}`
  return new VaultError(
    "NOT_A_READER",
    `the key opens ${all - stems.length} of the ${all} secrets of ${shown}, and not ${names}`,
    { hint: "seal them to its owner there, or take them out of a copy; nothing was imported" },
  )
}

function tooManyNames(shown: string): VaultError {
  return invalid(shown, `it has more than ${MOST_NAMES} agents`)
}
