import { VaultError } from "../../../core/index.js"
import { type Share, checkSplit, sheetOf, splitKey, writeShares } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { identityOf, isSet, option, options, placeOf, userPath } from "../../door/who.js"
import { askLine } from "../../terminal/ask.js"

/** Nothing of it stays: not on the screen, and not above it. */
const CLEARED = "\u001b[2J\u001b[3J\u001b[H"

export async function run(door: Door): Promise<void> {
  const request = { threshold: threshold(door), holders: options(door, "holder") }
  checkSplit(request)
  const folder = option(door, "out-dir")
  if (folder === undefined) requireTerminal(door)
  const place = placeOf(door)
  const key = await identityOf(door, place, "always")
  const shares = await withPerson(door, (person) =>
    readingVault(door, place, key.trust, (vault) => splitKey(vault, key, { ...request, person })),
  )
  if (folder === undefined) await show(door, shares)
  const files = folder === undefined ? [] : writeShares(userPath(door, folder), shares)
  const { set, owner, count } = shares[0] ?? { set: "", owner: "", count: 0 }
  if (await asJson(door, { set, owner, ...request, files })) return
  tell(
    door,
    ...files,
    `The set ${set}: any ${request.threshold} of ${count} shares give the key of ${owner}.`,
    ...(files.length > 0
      ? ["Bring each file to its holder by a safe way, then remove it here."]
      : []),
    "Prove them, with the holders: agent-vault owner recovery drill",
  )
}

function threshold(door: Door): number {
  const text = option(door, "threshold") ?? ""
  return /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
}

/** A share is never handed to a pipe by accident. */
function requireTerminal(door: Door): void {
  const { stdin, stdout, stderr } = door.terminal
  if (stdin.isTTY && stdout.isTTY && stderr.isTTY && !isSet(door, "json")) return
  throw new VaultError("NO_TERMINAL", "shares are shown at a terminal only", {
    hint: "write each to a file of its own: --out-dir FOLDER",
  })
}

/** A share is part of the question, so that an interrupt finds the terminal in our hands. */
async function show(door: Door, shares: readonly Share[]): Promise<void> {
  const { terminal } = door
  try {
    for (const [at, share] of shares.entries()) {
      const title = `Share ${at + 1} of ${shares.length}, for ${share.holder} alone:`
      const next = at + 1 === shares.length ? "end" : "next"
      const question = `${title}\n\n${sheetOf(share)}\nWhen it is noted, press the Return key`
      await askLine(terminal, `${CLEARED}${question}`, next, "")
    }
  } finally {
    terminal.stderr.write(CLEARED)
  }
}
