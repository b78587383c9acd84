import { join } from "node:path"
import { realPath } from "../disk/at-path.js"
import { type Environment, vaultsWithKeys } from "../disk/homes.js"
import { type Place, findVaultOrNone } from "../disk/place.js"
import { decidingSource } from "../keys/identity.js"
import { type Key, localAgents } from "../keys/key-files.js"
import { nobodyToAsk } from "../library/open-vault.js"
import { claimedId, identityAt } from "../vault/open.js"
import { VAULT_FOLDER } from "../words/layout.js"
import { VaultError } from "../words/errors.js"
import { type NotLooked, type OwnValues, type VaultAround, valuesFor } from "./own-values.js"

/** The values of one vault of a repository, or why they are not looked for. */
export interface BelowValues {
  /** The folder that holds it, from the top of the repository, with `/`. */
  readonly folder: string
  readonly own: OwnValues | NotLooked
}

/**
 * The values of the vaults in these folders below `top`, for every agent whose key is on this
 * machine, as far as this user has keys of them: the others are other people's. `around` is a vault
 * whose values are looked for already. Throws as {@link valuesFor} does.
 */
export async function valuesBelow(
  top: string,
  folders: readonly string[],
  around: VaultAround | undefined,
  env: Environment,
): Promise<readonly BelowValues[]> {
  const tried: FolderResult[] = []
  for (const folder of folders) tried.push(await tryFolder(top, folder, around, env))
  const read = new Set(tried.flatMap(({ id, own }) => (own === undefined ? [] : id)))
  if (around !== undefined) read.add(around.id)
  return tried.flatMap(({ folder, id, own, error }) => {
    if (error === undefined) return own === undefined ? [] : { folder, own }
    // Anybody who can push can bring a vault that says it is this one, or nothing: beside the real
    // one it stops no commit.
    if (id === undefined || read.has(id)) return { folder, own: { why: error.message } }
    throw toldFrom(folder, error)
  })
}

/** What came of a folder: nothing where no vault is in it, or one of other people. */
interface FolderResult {
  readonly folder: string
  readonly id?: string
  readonly own?: OwnValues | NotLooked
  readonly error?: VaultError
}

async function tryFolder(
  top: string,
  folder: string,
  around: VaultAround | undefined,
  env: Environment,
): Promise<FolderResult> {
  let id: string | undefined
  try {
    const place = vaultIn(join(top, folder))
    if (place === undefined || place.root === around?.root) return { folder }
    id = claimedId(place)
    const own = await valuesOfOurs(place, id, env)
    return own === undefined ? { folder } : { folder, id, own }
  } catch (error) {
    if (VaultError.is(error)) return { folder, error, ...(id !== undefined && { id }) }
    throw error
  }
}

/** The vault in this very folder; undefined where a sparse checkout has it in the index alone. */
function vaultIn(folder: string): Place | undefined {
  const place = findVaultOrNone(folder)
  return place?.root === join(realPath(folder), VAULT_FOLDER) ? place : undefined
}

const UNNAMED = {
  AGENT_VAULT_IDENTITY: undefined,
  AGENT_VAULT_IDENTITY_FILE: undefined,
  AGENT_VAULT_AGENT: undefined,
}

/** Undefined where this user has no key of this vault. */
async function valuesOfOurs(
  place: Place,
  id: string,
  env: Environment,
): Promise<OwnValues | NotLooked | undefined> {
  const choose = (told: Environment, agent?: string): Promise<Key> =>
    identityAt(place, { agent }, "never", told, nobodyToAsk)
  const local = localAgents(id, env)
  if (local.length > 0) {
    // What the environment names may be the key of another vault.
    const keys = await Promise.all(local.map((agent) => choose({ ...env, ...UNNAMED }, agent)))
    return valuesFor(place, keys, env)
  }
  if (decidingSource({}, env) === undefined) {
    return vaultsWithKeys(env).includes(id) ? valuesFor(place, [], env) : undefined
  }
  try {
    return await valuesFor(place, [await choose(env)], env)
  } catch (error) {
    const isOfAnother = VaultError.is(error, "KEY_WRONG_VAULT")
    if (isOfAnother || VaultError.is(error, "KEY_NOT_FOUND")) return undefined
    throw error
  }
}

/** The same, as it is told at the top. */
function toldFrom(folder: string, { code, message, hint, cause }: VaultError): VaultError {
  const there = hint === undefined ? {} : { hint: `in ${folder}: ${hint}` }
  return new VaultError(code, `${folder}: ${message}`, { ...there, cause })
}
