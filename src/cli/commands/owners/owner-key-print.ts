import { type Key, claimedId, findAnchor } from "../../../core/index.js"
import {
  keyIn,
  proveOwnerKey,
  requireOwnerKey,
  requirePersonFor,
  wholeKeyFile,
  wordsOf,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { requireTerminal, showOnce } from "../../keys/show-once.js"
import { passphraseOf, placeOf } from "../../door/who.js"
import { qrCode } from "../../terminal/qr-code.js"

const WORDS_IN_ROW = 4

/** `owner key --print`: the key for paper, at a terminal. */
export async function run(door: Door): Promise<void> {
  requireTerminal(
    door,
    "the key is",
    "for a copy in a file, copy the key file; see where it is: agent-vault owner key",
  )
  const place = placeOf(door)
  const id = claimedId(place)
  const file = requireOwnerKey(id, door.env)
  await withPerson(door, (person) => {
    requirePersonFor("show the owner's key", id, door.env, person)
  })
  const key = await keyIn(await wholeKeyFile(file, door.env), file, passphraseOf(door))
  const proof = await readingVault(door, place, key.trust, (vault) =>
    proveOwnerKey(vault, key, file),
  )
  const trust = findAnchor(id, key.trust, door.env)?.signer ?? proof.signer
  await showOnce(door, [`${paper(key, id, proof.owner, trust).join("\n")}\n`])
}

function paper({ identity }: Key, vault: string, owner: string, trust: string): string[] {
  const words = wordsOf(identity).map((word, at) => `${String(at + 1).padStart(2)} ${word}`)
  const rows = words.flatMap((_word, at) =>
    at % WORDS_IN_ROW === 0 ? [words.slice(at, at + WORDS_IN_ROW)] : [],
  )
  return [
    ...qrCode(identity),
    "",
    `agent-vault: the key of owner ${owner}. It opens everything, and has no passphrase.`,
    `vault ${vault}`,
    `trust ${trust}`,
    "",
    ...rows.map((row) =>
      row
        .map((cell) => cell.padEnd(13))
        .join("")
        .trimEnd(),
    ),
  ]
}
