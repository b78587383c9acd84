import { VaultError, claimedId } from "../../../core/index.js"
import {
  inTurnOfOwnerKey,
  isUnderPassphrase,
  keyFileBytes,
  keychainAccount,
  openKeyFile,
  requireOwnerKey,
  requirePersonFor,
  writeUnderPassphrase,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { newPassphrase } from "../../keys/new-passphrase.js"
import { asJson, tell } from "../../door/render.js"
import { option, passphraseOf, placeOf } from "../../door/who.js"
import { keepHidden } from "../../terminal/ask.js"

type Deed = "set" | "change" | "remove"

const DONE: Readonly<Record<Deed, string>> = {
  set: "has a passphrase now",
  change: "has a new passphrase now; copies elsewhere keep the old one",
  remove: "has no passphrase any more: whoever reads the file has the key",
}

/** `owner key --passphrase set|change|remove`. */
export async function run(door: Door): Promise<void> {
  const deed = option(door, "passphrase") as Deed
  const id = claimedId(placeOf(door))
  const file = requireOwnerKey(id, door.env)
  await withPerson(door, (person) => {
    requirePersonFor(`${deed} the passphrase of the owner's key`, id, door.env, person)
  })
  // Before anybody is asked for anything.
  await refuseUnfit(deed, file)
  const answer = async () =>
    [
      await openKeyFile(file, passphraseOf(door)),
      deed === "remove" ? undefined : await chosen(door),
    ] as const
  // Ctrl-C while the file is opened ends it at the second question, so there must be one.
  const asksAgain = deed === "change" && option(door, "new-passphrase-fd") === undefined
  const [opened, passphrase] = await (asksAgain ? keepHidden(door.terminal, answer) : answer())
  await inTurnOfOwnerKey(id, door.env, () => writeUnderPassphrase(opened, passphrase))
  if (await asJson(door, { file, passphrase: passphrase !== undefined })) return
  tell(door, `${file} ${DONE[deed]}.`)
  if (deed !== "remove") {
    tell(
      door,
      "Keep the passphrase where you keep no copy of the file: without it, nobody opens this file.",
      "What was in the clear before may still be in backups of this disk.",
    )
  }
}

async function refuseUnfit(deed: Deed, file: string): Promise<void> {
  if (keychainAccount(keyFileBytes(file)) !== undefined) {
    throw new VaultError("USAGE", `${file} holds no key: the keychain does`, {
      hint: "back into the file, under a passphrase: agent-vault owner key --from-keychain",
    })
  }
  const hasPassphrase = await isUnderPassphrase(file)
  if ((deed === "set") !== hasPassphrase) return
  throw hasPassphrase
    ? new VaultError("EXISTS", `${file} has a passphrase already`, {
        hint: "another one: agent-vault owner key --passphrase change",
      })
    : new VaultError("USAGE", `${file} has no passphrase`, {
        hint: "give it one: agent-vault owner key --passphrase set",
      })
}

async function chosen(door: Door): Promise<string> {
  const passphrase = await newPassphrase(door, {
    from: "new-passphrase-fd",
    question: "New passphrase for the owner's key",
    nothing: "nothing was changed: repeat the command",
  })
  if (passphrase !== undefined) return passphrase
  throw new VaultError("USAGE", "the new passphrase is empty", {
    hint: "nothing was changed; to have none: agent-vault owner key --passphrase remove",
  })
}
