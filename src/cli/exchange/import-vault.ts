import { VaultError, parseGroupName } from "../../core/index.js"
import {
  type EwimsattSecret,
  ewimsattOwnerKeyFile,
  keyFileBytes,
  keyIn,
  readEwimsattVault,
} from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { option, options, passphraseOf, userPath } from "../door/who.js"
import { type ImportedSecret, namedOnce } from "./imported-names.js"

/**
 * The secrets of a vault of ewimsatt/agent-vault in a folder, each with its group, or below one that
 * the call names, and with all who could read it there. Throws as {@link readEwimsattVault} does, and
 * `USAGE`, `KEY_NOT_FOUND`, `KEY_INVALID`.
 */
export async function importedFromVault(door: Door, folder: string): Promise<ImportedSecret[]> {
  const file = option(door, "owner-key")
  const path = file === undefined ? ewimsattOwnerKeyFile(door.env) : userPath(door, file)
  const group = groupOf(door)
  const prefix = option(door, "prefix") ?? ""
  const key = () => keyIn(keyBytes(path, file), file ?? path, passphraseOf(door))
  const secrets = await readEwimsattVault(userPath(door, folder), folder, key)
  const imported = secrets.map((secret) => asImported(secret, group, prefix))
  return namedOnce(imported.sort((one, other) => (one.name < other.name ? -1 : 1)))
}

function asImported(
  { group, name, value, expires, readers }: EwimsattSecret,
  into: string | undefined,
  prefix: string,
): ImportedSecret {
  const full =
    into === undefined ? `${group}/${prefix}${name}` : `${into}/${prefix}${group}/${name}`
  const metadata = expires === undefined ? {} : { expires }
  return { name: full, value, metadata, exposedTo: readers }
}

function groupOf(door: Door): string | undefined {
  const [group, another] = options(door, "group")
  if (another === undefined) return group === undefined ? undefined : parseGroupName(group)
  throw new VaultError("USAGE", "a vault is imported into one group, or keeps its own", {
    hint: "name one with -g GROUP, or none",
  })
}

/** Throws `KEY_NOT_FOUND`. */
function keyBytes(path: string, said: string | undefined): Uint8Array {
  try {
    return keyFileBytes(path)
  } catch (error) {
    if (said !== undefined || !VaultError.is(error, "KEY_NOT_FOUND")) throw error
    throw new VaultError(
      "KEY_NOT_FOUND",
      `there is no ${path}, where that vault's owner key lies`,
      {
        hint: "say where it is: --owner-key FILE",
      },
    )
  }
}
