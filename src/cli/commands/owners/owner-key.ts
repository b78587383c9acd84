import { VaultError, claimedId, shellWord } from "../../../core/index.js"
import { type DescribedOwnerKey, describeOwnerKey } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { verifiedOr } from "../../door/reading.js"
import { asJson, print, tell } from "../../door/render.js"
import { option, passphraseOf, placeOf } from "../../door/who.js"

/** What `owner key` does with the key; each is a file of its own, loaded when it is asked for. */
const DEEDS: Readonly<Record<string, () => Promise<{ run: (door: Door) => Promise<void> }>>> = {
  "verify-backup": () => import("./owner-key-verify.js"),
  print: () => import("./owner-key-print.js"),
  "from-paper": () => import("./owner-key-from-paper.js"),
  passphrase: () => import("./owner-key-passphrase.js"),
  "to-keychain": () => import("./owner-key-keychain.js"),
  "from-keychain": () => import("./owner-key-keychain.js"),
}

export async function run(door: Door): Promise<void> {
  const [deed, other] = Object.keys(DEEDS).filter((name) => name in door.call.options)
  if (other !== undefined) {
    throw new VaultError("USAGE", `--${deed ?? ""} and --${other} are two things`, {
      hint: "give one of them",
    })
  }
  const load = deed === undefined ? undefined : DEEDS[deed]
  await (load === undefined ? describe(door) : (await load()).run(door))
}

async function describe(door: Door): Promise<void> {
  const place = placeOf(door)
  const id = claimedId(place)
  // Nobody is asked for a passphrase to learn where a file is.
  const ask = option(door, "passphrase-fd") === undefined ? undefined : passphraseOf(door)
  const key = await verifiedOr(door, place, (vault) => describeOwnerKey(id, vault, door.env, ask))
  if (await asJson(door, key)) return
  await print(door, lines(key))
  tell(door, ...advice(key))
}

const STATES: Readonly<Record<string, string>> = {
  opens: "the key of a present owner of this vault",
  replaced: "not that of a present owner: it opens only what is in the history",
  sealed: "not compared: its passphrase was not given (--passphrase-fd FD)",
  unverified: "not compared: nothing says whom to trust (agent-vault trust)",
}

function lines({
  vault,
  file,
  passphrase,
  keychain,
  mode,
  state,
  owner,
  signer,
  fingerprint,
}: DescribedOwnerKey): string[] {
  const unknown = "only the opened key tells"
  return [
    `owner        ${owner ?? unknown}`,
    `vault        ${vault}`,
    `file         ${file}`,
    `mode         ${modeText(mode)}`,
    keychain === undefined
      ? `passphrase   ${passphrase ? "yes" : "none: whoever reads the file has the key"}`
      : `keychain     it holds the key, not the file: agent-vault / ${keychain}`,
    `signs as     ${signer ?? unknown}`,
    `fingerprint  ${fingerprint ?? unknown}`,
    `state        ${STATES[state] ?? state}`,
  ]
}

function modeText(mode: string | undefined): string {
  if (mode === undefined) return "as the profile folder allows"
  return mode.endsWith("00") ? `${mode}, for its user alone` : `${mode}: other users can reach it`
}

function advice({ file, mode, passphrase, keychain, inTheClear }: DescribedOwnerKey): string[] {
  return [
    ...(mode === undefined || mode.endsWith("00") ? [] : [`chmod 600 ${shellWord(file)}`]),
    ...inTheClear.map((each) => `An owner's key lies here in the clear as well: ${each}`),
    ...(passphrase || keychain !== undefined
      ? []
      : ["A passphrase for it: agent-vault owner key --passphrase set"]),
    "Whether a backup opens this vault: agent-vault owner key --verify-backup FILE",
  ]
}
