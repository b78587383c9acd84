import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import {
  type Environment,
  type NotLooked,
  type OwnValues,
  VAULT_FOLDER,
  loadOwnValues,
  loadVaultsBelow,
  vaultsWithKeys,
} from "../../core/guard.js"
import type { GuardRequest } from "../../serving/guarding.js"
import type { FindOwn } from "./finding-of.js"

/** How to find the own values of the repository's vaults, or why the guard does not look for them. */
export interface OwnValueSearch {
  readonly find?: FindOwn
  readonly why?: string
}

/** The folders below the top that hold a vault, with `/`: a question to git. */
export type ListVaults = () => Promise<readonly string[]>

/**
 * The own values of the vault around the folder in which the guard starts, and of those that the
 * repository holds elsewhere, as far as the keys of agents on this machine open them.
 */
export async function searchOwnValues(
  { cwd, env }: GuardRequest,
  top: string,
  listVaults: ListVaults,
): Promise<OwnValueSearch> {
  const around = hasVaultAbove(cwd) ? (await loadOwnValues()).vaultAround(cwd) : undefined
  const [own, folders] = await Promise.all([
    around === undefined ? {} : searchAround(cwd, env),
    mayOpenOthers(around?.id, env) ? listVaults() : [],
  ])
  if (folders.length === 0) return own
  const { valuesBelow } = await loadVaultsBelow()
  const below = await valuesBelow(top, folders, around, env)
  return together([own, ...below.map(({ folder, own: found }) => searchOf(found, folder))])
}

/** A cheap first question: the code that reads a vault is slow to load. */
function hasVaultAbove(folder: string): boolean {
  if (existsSync(join(folder, VAULT_FOLDER))) return true
  return dirname(folder) !== folder && hasVaultAbove(dirname(folder))
}

async function searchAround(cwd: string, env: Environment): Promise<OwnValueSearch> {
  const { ownValuesAt } = await loadOwnValues()
  const own = await ownValuesAt(cwd, env)
  return own === undefined ? {} : searchOf(own)
}

/** Git is asked for other vaults only where a key could be one of theirs. */
function mayOpenOthers(around: string | undefined, env: Environment): boolean {
  const isNamed = IDENTITIES.some((name) => env[name] !== undefined)
  if (around === undefined && isNamed) return true
  return vaultsWithKeys(env).some((vault) => vault !== around)
}

const IDENTITIES = ["AGENT_VAULT_IDENTITY", "AGENT_VAULT_IDENTITY_FILE", "AGENT_VAULT_AGENT"]

/** `folder` is that of a vault that is not the one around. */
function searchOf(own: OwnValues | NotLooked, folder?: string): OwnValueSearch {
  const there = folder === undefined ? "" : `in ${folder}, `
  if ("why" in own) return { why: `${there}${own.why}` }
  const find: FindOwn = (bytes) => own.find(bytes).map((hit) => ({ ...hit, folder }))
  const [unread] = own.unread
  if (unread === undefined) return { find }
  return { find, why: `${there}${unread.secret} could not be read: ${unread.error.message}` }
}

function together(all: readonly OwnValueSearch[]): OwnValueSearch {
  const finders = all.flatMap(({ find }) => find ?? [])
  const whys = all.flatMap(({ why }) => why ?? [])
  return {
    ...(finders.length > 0 && { find: (bytes) => finders.flatMap((find) => find(bytes)) }),
    ...(whys.length > 0 && { why: whys.join("; ") }),
  }
}
