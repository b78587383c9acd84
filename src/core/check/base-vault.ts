import type { Git } from "../git/git.js"
import { committedFiles } from "../git/git-objects.js"
import type { Anchor } from "../memory/trust.js"
import type { Vault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { VAULT_FOLDER, VAULT_RECORD } from "../words/layout.js"
import { vaultAt } from "./history.js"

/**
 * The vault of the commit that `vault` is compared with, verified against the anchor: in its folder,
 * else in the one from which it was moved since. Throws what verifying it throws, and `NO_VAULT`, also
 * where several of that id are there.
 */
export async function baseVault(
  git: Git,
  commit: string,
  folder: string,
  vault: Vault,
  anchor: Anchor | undefined,
): Promise<Vault> {
  try {
    return await vaultAt(git, commit, folder, anchor)
  } catch (error) {
    if (!VaultError.is(error, "NO_VAULT")) throw error
    const [moved, ...others] = await foldersOf(git, commit, vault.id)
    if (moved === undefined || others.length > 0) throw error
    return vaultAt(git, commit, moved, anchor)
  }
}

/** The folders in a commit that hold a vault of this id which verifies. */
async function foldersOf(git: Git, commit: string, id: string): Promise<readonly string[]> {
  const record = `${VAULT_FOLDER}/${VAULT_RECORD}`
  const paths = [...(await committedFiles(git, commit, ".")).keys()]
  const found: string[] = []
  for (const path of paths) {
    if (path !== record && !path.endsWith(`/${record}`)) continue
    const folder = path.slice(0, -VAULT_RECORD.length - 1)
    if (await isOf(git, commit, folder, id)) found.push(folder)
  }
  return found
}

async function isOf(git: Git, commit: string, folder: string, id: string): Promise<boolean> {
  try {
    return (await vaultAt(git, commit, folder, undefined)).id === id
  } catch (error) {
    if (VaultError.is(error)) return false
    throw error
  }
}
