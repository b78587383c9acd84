import { VaultError, claimedId } from "../../../core/index.js"
import {
  keyFileBytes,
  keyIn,
  keychainAccount,
  moveFromKeychain,
  moveToKeychain,
  openKeyFile,
  proveOwnerKey,
  requireKeychain,
  requireOwnerKey,
  requirePersonFor,
  wholeKeyFile,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { choosePassphrase } from "../../keys/new-passphrase.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell, unfinishedLines, unfinishedPart } from "../../door/render.js"
import { isSet, passphraseOf, placeOf } from "../../door/who.js"

/** `owner key --to-keychain` and `--from-keychain`. */
export async function run(door: Door): Promise<void> {
  const to = isSet(door, "to-keychain")
  const id = claimedId(placeOf(door))
  const file = requireOwnerKey(id, door.env)
  await withPerson(door, (person) => {
    const what = `move the owner's key ${to ? "to" : "out of"} the keychain`
    requirePersonFor(what, id, door.env, person)
  })
  await (to ? moveIn(door, file, id) : moveOut(door, file))
}

async function moveIn(door: Door, file: string, id: string): Promise<void> {
  if (keychainAccount(keyFileBytes(file)) !== undefined) {
    throw new VaultError("EXISTS", "the owner's key is in the keychain already", {
      hint: "see whether it is good: agent-vault owner key",
    })
  }
  // Before anybody is asked for anything.
  requireKeychain(file, { env: door.env })
  const opened = await openKeyFile(file, passphraseOf(door))
  const key = await keyIn(opened.text, file, passphraseOf(door))
  // What opens nothing is not worth a keychain, and its file may be all that tells what it was.
  await readingVault(door, placeOf(door), key.trust, (vault) => proveOwnerKey(vault, key, file))
  const { service, account } = await moveToKeychain(opened, key, id, { env: door.env })
  if (await asJson(door, { file, keychain: { service, account } })) return
  tell(
    door,
    `The keychain has the owner's key now, as ${service} / ${account}, and gave it back.`,
    `${file} names that entry, and holds no key any more.`,
    ...(opened.hasPassphrase
      ? ["Its passphrase is not asked for any more: an unlocked keychain gives the key."]
      : ["What was in the clear before may still be in backups of this disk."]),
    "A keychain is no backup, nor is this file. Whether one opens this vault: agent-vault owner key --verify-backup FILE",
  )
}

async function moveOut(door: Door, file: string): Promise<void> {
  const lies = keyFileBytes(file)
  const account = keychainAccount(lies)
  if (account === undefined) {
    throw new VaultError("USAGE", `the key is in ${file}, not in the keychain`, {
      hint: "move it there: agent-vault owner key --to-keychain",
    })
  }
  const text = await wholeKeyFile(file, door.env)
  const passphrase = await choosePassphrase(door, {
    from: "new-passphrase-fd",
    nothing: "nothing was changed: repeat the command",
  })
  const opened = { file, lies, text, hasPassphrase: false }
  const moved = await moveFromKeychain(opened, account, passphrase, { env: door.env })
  const hasPassphrase = passphrase !== undefined
  if (await asJson(door, { file, passphrase: hasPassphrase, ...unfinishedPart(moved) })) return
  tell(
    door,
    `The owner's key is in ${file} again${hasPassphrase ? ", under its passphrase" : ""}.`,
    ...(hasPassphrase ? [] : ["A passphrase for it: agent-vault owner key --passphrase set"]),
    ...unfinishedLines(moved),
  )
}
