import { claimedId, shellWord } from "../../../core/index.js"
import { type KeptKey, describeKeys, holderName } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { verifiedOr } from "../../door/reading.js"
import { asJson, print, table, tell } from "../../door/render.js"
import { placeOf } from "../../door/who.js"

const STATES: Readonly<Record<KeptKey["state"], string>> = {
  opens: "opens this vault",
  replaced: "replaced: it opens only what is in the history",
  stranger: "not let in yet, or removed: it opens nothing new",
  sealed: "has a passphrase",
  keychain: "in the keychain of this system",
  damaged: "damaged: it holds no key",
  unverified: "not compared: nothing says whom to trust",
}

export async function run(door: Door): Promise<void> {
  const place = placeOf(door)
  const vault = claimedId(place)
  const keys = await verifiedOr(door, place, (verified) => describeKeys(vault, verified, door.env))
  if (await asJson(door, { vault, keys })) return
  if (keys.length === 0) {
    tell(door, "No key of this vault is on this machine. Next: agent-vault key add FILE")
    return
  }
  const rows = keys.map((key) => [holderName(key), stateText(key), key.file])
  await print(door, table([["KEY OF", "STATE", "FILE"], ...rows]))
  tell(
    door,
    ...keys.filter(({ unsafe }) => unsafe).map(({ file }) => `chmod 600 ${shellWord(file)}`),
  )
}

function stateText({ state, unsafe }: KeptKey): string {
  return unsafe === true ? `${STATES[state]}; others can read it` : STATES[state]
}
