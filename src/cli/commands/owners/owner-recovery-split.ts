import { checkSplit, sheetOf, splitKey, writeShares } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, tell } from "../../door/render.js"
import { requireTerminal, showOnce } from "../../keys/show-once.js"
import { identityOf, option, options, placeOf, userPath } from "../../door/who.js"
import { typedAgain } from "../../parse/typed-again.js"

export async function run(door: Door): Promise<void> {
  const request = { threshold: threshold(door), holders: options(door, "holder") }
  checkSplit(request)
  const folder = option(door, "out-dir")
  if (folder === undefined) {
    const files = typedAgain(door.call, "--out-dir FOLDER")
    requireTerminal(door, "shares are", `write each to a file of its own: ${files}`)
  }
  const place = placeOf(door)
  const key = await identityOf(door, place, "always")
  const shares = await withPerson(door, (person) =>
    readingVault(door, place, key.trust, (vault) => splitKey(vault, key, { ...request, person })),
  )
  const pages = shares.map((share, at) => {
    const title = `Share ${at + 1} of ${shares.length}, for ${share.holder} alone:`
    return `${title}\n\n${sheetOf(share)}`
  })
  if (folder === undefined) await showOnce(door, pages)
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
