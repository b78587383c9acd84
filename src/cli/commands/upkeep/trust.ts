import {
  type TrustReport,
  describeTrust,
  findSetBack,
  parseSigner,
  rewind,
} from "../../../core/index.js"
import { trustOwner } from "../../../core/owner.js"
import { isAgreed } from "../../door/agreed.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { asJson, counted, print, tell, unfinishedLines, unfinishedPart } from "../../door/render.js"
import { confirm } from "../../terminal/ask.js"
import { identityIfSet, identityToTrust, isSet, passphraseOf, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<number> {
  const place = placeOf(door)
  if (isSet(door, "rewind")) {
    return rewindCommand(door, (await identityToTrust(door, place))?.trust)
  }
  const key = await identityIfSet(door, place)
  const [signer] = door.call.words
  if (signer !== undefined) return pin(door, parseSigner(signer))
  const report = describeTrust(place, key?.trust, door.env)
  if (await asJson(door, report)) return report.trusted ? 0 : 1
  await print(door, lines(report))
  const [only, ...others] = report.owners
  if (
    report.anchor !== undefined ||
    only === undefined ||
    others.length > 0 ||
    !door.terminal.stdin.isTTY
  ) {
    if (!report.trusted) {
      tell(
        door,
        "Compare a signer with its owner, who sees it by agent-vault owner key, then pin it: agent-vault trust SIGNER",
      )
    }
    return report.trusted ? 0 : 1
  }
  tell(
    door,
    "Compare this signer with the owner, who sees it by agent-vault owner key, by another way than this repository.",
  )
  if (!(await confirm(door.terminal, `Trust ${only.name}?`, `agent-vault trust ${only.signer}`))) {
    tell(door, "Nothing was changed.")
    return 1
  }
  return pin(door, only.signer)
}

/** Why the vault is not that of whom this machine trusts. */
export function whyUntrusted({ owners, anchor }: TrustReport): string {
  const isOwner = owners.some(({ signer }) => signer === anchor?.signer)
  return isOwner
    ? "who did not bring all owners of this vault"
    : "who is not an owner of this vault"
}

function lines(report: TrustReport): string[] {
  const { vault, owners, anchor, trusted } = report
  const whom =
    anchor === undefined ? "nobody yet" : `${anchor.signer} (said by ${anchor.from.join(" and ")})`
  return [
    `vault   ${vault}`,
    ...owners.map(({ name, signer }) => `owner   ${signer}  ${name}`),
    `trusts  ${whom}`,
    ...(anchor !== undefined && !trusted ? [`        ${whyUntrusted(report)}`] : []),
  ]
}

async function pin(door: Door, signer: string): Promise<number> {
  const place = placeOf(door)
  const { pin: before } = describeTrust(place, undefined, {
    ...door.env,
    AGENT_VAULT_TRUST: undefined,
  })
  if (before !== undefined && before !== signer && !isSet(door, "yes")) {
    tell(door, `This machine trusts ${before} now.`)
    if (!(await isAgreed(door, `Trust ${signer} instead?`))) return 1
  }
  const moved = await withPerson(door, (person) =>
    trustOwner(place, signer, door.env, passphraseOf(door), person),
  )
  const { keyFiles } = moved
  if (await asJson(door, { pin: signer, keyFiles, ...unfinishedPart(moved) })) return 0
  tell(
    door,
    `This machine trusts ${signer} from now on.`,
    ...keyFiles.map((file) => `  So says ${file} too.`),
    ...unfinishedLines(moved),
  )
  return 0
}

async function rewindCommand(door: Door, keyFileTrust: string | undefined): Promise<number> {
  const place = placeOf(door)
  const setBack = findSetBack(place, keyFileTrust, door.env)
  if (setBack.length > 0 && !isSet(door, "yes")) {
    tell(door, ...setBack.map(({ why }) => `  ${why}`))
    tell(door, "Whoever lost access meanwhile may have it again in this state.")
    if (!(await isAgreed(door, "Accept it?"))) return 1
  }
  await withPerson(door, (person) => rewind(place, keyFileTrust, door.env, person))
  if (await asJson(door, { accepted: setBack })) return 0
  tell(
    door,
    setBack.length === 0
      ? "Nothing was set back."
      : `${counted(setBack.length, "record")} set back, and accepted.`,
  )
  return 0
}
