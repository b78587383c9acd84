import { describeOwners } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { readingVault } from "../../door/reading.js"
import { asJson, print, table } from "../../door/render.js"
import { identityIfSet, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const owners = await readingVault(door, place, key?.trust, (vault) =>
    describeOwners(vault, key?.recipient, door.env),
  )
  if (await asJson(door, { owners })) return
  const rows = owners.map(({ name, fingerprint, signer, since, by, isYou }) => [
    name,
    fingerprint,
    signer,
    by === undefined ? "the first owner" : `added by ${by}, vault.json ${since}`,
    isYou ? "you" : "",
  ])
  await print(door, table([["OWNER", "FINGERPRINT", "SIGNER", "SINCE", ""], ...rows]))
}
