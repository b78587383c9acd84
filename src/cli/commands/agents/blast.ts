import {
  type UsedSecret,
  type Vault,
  VaultError,
  auditFileOf,
  auditFolder,
  parseAgentName,
  readChain,
  shellWord,
} from "../../../core/index.js"
import { type Blast, type OpenedValue, blast, vaultInGit } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { type NotedUses, brokenLines, isWhole, notedUses } from "../../door/noted-uses.js"
import { gapLines, hasGaps } from "../../door/past-gaps.js"
import { readingKeyless } from "../../door/reading.js"
import { asJson, counted, print, table, tell } from "../../door/render.js"
import { option, placeOf, userPath } from "../../door/who.js"
import { progress } from "../../terminal/progress-line.js"

const HEAD = ["SECRET", "VERSION", "SET", "OPEN TO IT SINCE", "IS", "USED, BY ITS AUDIT"]

type UsedValue = OpenedValue & { readonly used?: Omit<UsedSecret, "secret"> }

export async function run(door: Door): Promise<number> {
  const [agent = "", ...files] = door.call.words
  parseAgentName(agent)
  const place = placeOf(door)
  const asked = {
    only: option(door, "key"),
    onProgress: progress(door.terminal),
  }
  const { opened, noted } = await readingKeyless(door, place, async (vault) => ({
    opened: await blast(await vaultInGit(vault, place, door.env), agent, door.now, asked),
    noted: notedOf(door, vault, agent, files),
  }))
  const { opens: values, ...rest } = opened
  const opens = values.map((value) => withUse(value, noted))
  const rotate = namesOf(opens, "present")
  const gone = namesOf(opens, "gone")
  const code = !hasGaps(opened) && isWhole(noted) ? 0 : 1
  const audit = { files: noted.files, elsewhere: noted.elsewhere }
  if (await asJson(door, { ...rest, opens, rotate, gone, audit, exitCode: code })) return code
  tell(door, ...keyLines(opened))
  if (opens.length > 0) await print(door, table([HEAD, ...opens.map(row)]))
  tell(door, ...auditLines(agent, noted), ...gapLines(opened))
  await print(door, rotateLines(rotate, gone, opens))
  tell(door, ...storeLines(opens), ...nextLines(opened, rotate, gone))
  return code
}

function notedOf(door: Door, vault: Vault, agent: string, named: readonly string[]): NotedUses {
  const own = auditFileOf(auditFolder(vault.id, door.env), { role: "agent", name: agent })
  const chains = [own, ...named.map((word) => userPath(door, word))].map(readChain)
  const empty = chains.find(({ id, file }) => id === undefined && file !== own)
  if (empty !== undefined) {
    throw new VaultError("USAGE", `${empty.file} has no line of an audit`, {
      hint: "name files that --audit named, or that lie in the state folder of another machine",
    })
  }
  return notedUses(chains, vault, (each) => each === agent)
}

/** A value is used under the name that its secret had then. */
function withUse(value: OpenedValue, { used }: NotedUses): UsedValue {
  const own = value.names.flatMap((name) => used.get(`${name}@${value.version}`) ?? [])
  if (own.length === 0) return value
  const [first = ""] = own.map((each) => each.first).sort()
  const last =
    own
      .map((each) => each.last)
      .sort()
      .at(-1) ?? ""
  const times = own.reduce((sum, each) => sum + each.times, 0)
  const hosts = [...new Set(own.flatMap((each) => each.hosts))].sort()
  return { ...value, used: { times, first, last, hosts } }
}

/** What was used first: it is known to be in use. */
function namesOf(opens: readonly UsedValue[], is: OpenedValue["is"]): string[] {
  const own = opens.filter((value) => value.is === is)
  const used = own.filter((value) => value.used !== undefined)
  return [...new Set([...used, ...own].map(({ name }) => name))]
}

function keyLines({ agent, keys, opens, closed }: Blast): string[] {
  const isMany = keys.length !== 1
  const hasNewer = isMany && keys.some(({ isPresent }) => isPresent)
  return [
    `Taken for lost: ${isMany ? `${keys.length} keys` : "a key"} of ${agent}.`,
    ...keys.map(({ recipient, isPresent, alsoOf }) => {
      const also = alsoOf.length === 0 ? "" : `, also the key of ${alsoOf.join(", ")}`
      return `  ${shown(recipient)}${isPresent ? " (its present one)" : ""}${also}`
    }),
    ...(hasNewer
      ? [`If one of them alone was lost: agent-vault blast ${agent} --key RECIPIENT`]
      : []),
    `${isMany ? "They open" : "It opens"} ${opens.length} of the ${counted(opens.length + closed, "value")} in the history here.`,
  ]
}

/** A post-quantum recipient has 2,000 characters; how it begins is enough for --key. */
function shown(recipient: string): string {
  return recipient.length > LONGEST ? `${recipient.slice(0, LONGEST)}…` : recipient
}

const LONGEST = 70

function row({ name, names, version, set, from, is, used }: UsedValue): string[] {
  const before = names.filter((each) => each !== name)
  const secret = before.length === 0 ? name : `${name} (was ${before.join(", ")})`
  return [secret, String(version), set, from, is, used === undefined ? "" : useText(used)]
}

function useText({ times, last, hosts }: Omit<UsedSecret, "secret">): string {
  const sent = hosts.length === 0 ? "" : `, sent to ${hosts.join(", ")}`
  return `${counted(times, "time")}, last ${last}${sent}`
}

function auditLines(agent: string, noted: NotedUses): string[] {
  const { files, elsewhere } = noted
  const lines = files.reduce((sum, file) => sum + file.lines, 0)
  return [
    files.length === 0
      ? `No audit of ${agent} is here: what was used, nobody can tell.`
      : `Used is what ${counted(lines, "line")} of its audit here say; a copy of the key in other hands writes none.`,
    ...brokenLines(noted),
    ...(elsewhere === 0
      ? []
      : [
          `It published ${counted(elsewhere, "audit")} of other machines: name their files as well: agent-vault blast ${agent} FILE…`,
        ]),
  ]
}

function rotateLines(
  rotate: readonly string[],
  gone: readonly string[],
  opens: readonly UsedValue[],
): string[] {
  const line = (name: string, is: OpenedValue["is"]): string => {
    const store = storeOf(opens, name, is)
    return store === undefined ? `  ${name}` : `  ${name} (in ${store})`
  }
  return [
    ...(rotate.length === 0
      ? ["Nothing is to be rotated: it opens no present value."]
      : [`To rotate (${rotate.length}):`]),
    ...rotate.map((name) => line(name, "present")),
    ...(gone.length === 0
      ? []
      : [`Not in the vault any more; to be ended at the source (${gone.length}):`]),
    ...gone.map((name) => line(name, "gone")),
  ]
}

function storeOf(
  opens: readonly UsedValue[],
  named: string,
  which: OpenedValue["is"],
): OpenedValue["store"] {
  return opens.find(({ name, is }) => name === named && is === which)?.store
}

function storeLines(opens: readonly UsedValue[]): string[] {
  const stores = [...new Set(opens.flatMap(({ store }) => store ?? []))]
  if (stores.length === 0) return []
  return [
    `Of what lies in ${stores.join(", ")} it opens where that is, and no value: take the access there away too, and rotate there.`,
  ]
}

/** Who still opens what is written is shut out first: else the next value is theirs too. */
function nextLines(
  { agent, groups, keys, opens }: Blast,
  rotate: readonly string[],
  gone: readonly string[],
): string[] {
  if (groups.length > 0) {
    const isAgent = keys.some(({ isPresent }) => isPresent)
    const rekey = isAgent ? `agent-vault agent rekey ${agent}, or ` : ""
    const next =
      isAgent && keys.length > 1
        ? `Its present key opens ${groups.join(", ")}. If that was lost too:`
        : `It still opens ${groups.join(", ")}. Next:`
    return [`${next} ${rekey}agent-vault revoke ${agent} --all; then rotate`]
  }
  const [first] = rotate
  const store = first === undefined ? undefined : storeOf(opens, first, "present")
  if (first !== undefined && store !== undefined) {
    return [
      `Next: a new value in ${store}, then say so: agent-vault set ${shellWord(first)} --source REFERENCE`,
    ]
  }
  if (first !== undefined) {
    return [`Next: a new value at its source, then: agent-vault set ${shellWord(first)}`]
  }
  return gone.length === 0 ? [] : ["Next: end at its source what was removed"]
}
