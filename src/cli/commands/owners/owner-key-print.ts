import { type Key, VaultError, claimedId, findAnchor } from "../../../core/index.js"
import {
  keyFileBytes,
  keyIn,
  proveOwnerKey,
  requireOwnerKey,
  requirePersonFor,
  wordsOf,
} from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { isSet, passphraseOf, placeOf } from "../../door/who.js"
import { askLine } from "../../terminal/ask.js"
import { qrCode } from "../../terminal/qr-code.js"

const CLEARED = "\u001b[2J\u001b[3J\u001b[H"
const WORDS_IN_ROW = 4

/** `owner key --print`: the key for paper, at a terminal. */
export async function run(door: Door): Promise<void> {
  requireTerminal(door)
  const place = placeOf(door)
  const id = claimedId(place)
  const file = requireOwnerKey(id, door.env)
  await withPerson(door, (person) => {
    requirePersonFor("show the owner's key", id, door.env, person)
  })
  const key = await keyIn(keyFileBytes(file), file, passphraseOf(door))
  const proof = await readingVault(door, place, key.trust, (vault) =>
    proveOwnerKey(vault, key, file),
  )
  const trust = findAnchor(id, key.trust, door.env)?.signer ?? proof.signer
  // The key is part of the question, so that an interrupt finds the terminal in our hands.
  const question = `${CLEARED}${paper(key, id, proof.owner, trust).join("\n")}\n\nWhen it is noted, press the Return key`
  try {
    await askLine(door.terminal, question, "end", "")
  } finally {
    door.terminal.stderr.write(CLEARED)
  }
}

/** The key is never handed to a pipe or a file by accident. */
function requireTerminal(door: Door): void {
  const { stdin, stdout, stderr } = door.terminal
  if (stdin.isTTY && stdout.isTTY && stderr.isTTY && !isSet(door, "json")) return
  throw new VaultError("NO_TERMINAL", "the key is shown at a terminal only", {
    hint: "for a copy in a file, copy the key file; see where it is: agent-vault owner key",
  })
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
