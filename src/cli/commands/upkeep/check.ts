import { VaultError, describeLease, describeUse } from "../../../core/index.js"
import {
  type Applied,
  type Inspection,
  type Outcome,
  endGrants,
  inspect,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import {
  asJson,
  counted,
  exitCodeOf,
  findingLines,
  findingsFromHere,
  goingLines,
  outcomePart,
  planLines,
  print,
  report,
  tell,
} from "../../door/render.js"
import { inSameFolder } from "../../door/from-here.js"
import { rotatingLines, rotationChangeLines } from "../../door/rotation-lines.js"
import { progress } from "../../terminal/progress-line.js"
import { noteOnce } from "../../terminal/terminal.js"
import { changeRequest, identityIfSet, isSet, option, placeOf } from "../../door/who.js"

const UNANCHORED =
  "Self-consistent only: nothing here says which owner to trust. Compare, then pin: agent-vault trust"

export async function run(door: Door): Promise<number> {
  const fixed = await fix(door)
  const place = placeOf(door)
  const key = await identityIfSet(door, place)
  const { env, now } = door
  const history = isSet(door, "history")
  const seen = await inspect({
    place,
    key,
    env,
    now,
    history,
    against: option(door, "against"),
    onProgress: progress(
      door.terminal,
      fixed?.commit === undefined ? undefined : fixEnded,
      isSet(door, "json"),
    ),
    onNote: noteOnce(door.terminal),
  })
  const inspection = { ...seen, findings: findingsFromHere(seen.findings, door) }
  const code = exitCodeOf(inspection.findings) || (inspection.anchored ? 0 : 1)
  const ended = fixed && { ...fixed.result, ...outcomePart(fixed) }
  if (await asJson(door, { ...(ended && { fixed: ended }), ...inspection, exitCode: code })) {
    return code
  }
  if (fixed !== undefined) await reportFixed(door, fixed)
  await print(door, [
    ...findingLines(inspection.findings),
    ...accessLines(inspection),
    ...useLines(inspection),
    ...rotationChangeLines(inspection),
    ...sourceLines(inspection),
    ...leaseLines(inspection),
    ...policyChangeLines(inspection),
  ])
  const { secrets, groups, agents, findings, anchored } = inspection
  tell(
    door,
    `Checked ${counted(secrets, "secret")}, ${counted(groups, "group")}, ${counted(agents, "agent")}: ${counted(findings.length, "finding")}.`,
  )
  const held = [...goingLines(inspection), ...rotatingLines(inspection), ...ruleCount(inspection)]
  tell(door, ...held.map((line) => inSameFolder(line, door.call)))
  if (!anchored) tell(door, inSameFolder(UNANCHORED, door.call))
  return code
}

/** Ends the grants that ran out, if that is asked for, or plans it. Throws `USAGE`. */
async function fix(door: Door): Promise<Outcome<Applied> | undefined> {
  if (isSet(door, "fix")) return endGrants(await changeRequest(door))
  if (!isSet(door, "dry-run")) return undefined
  throw new VaultError(
    "USAGE",
    "--dry-run shows what --fix would do, and check does nothing else",
    {
      hint: "agent-vault check --fix --dry-run",
    },
  )
}

async function reportFixed(door: Door, fixed: Outcome<Applied>): Promise<void> {
  if (fixed.commit === undefined && !isSet(door, "dry-run")) return
  const { plan, exposed } = fixed.result
  await report(door, fixed, ...planLines(plan), ...exposureLines(door, exposed))
}

/** What a look says that is ended, after grants were. */
function fixEnded(): VaultError {
  return new VaultError("INTERRUPTED", "interrupted after the grants were ended", {
    hint: "look again: agent-vault check",
  })
}

function accessLines({ access = [] }: Inspection): string[] {
  return access.flatMap(({ group, gained, lost }) => [
    ...gained.map((agent) => `access     ${agent} gained ${group}, by an owner's signature`),
    ...lost.map((agent) => `access     ${agent} lost ${group}, by an owner's signature`),
  ])
}

function policyChangeLines({ policyChange }: Inspection): string[] {
  if (policyChange === undefined) return []
  const { is, gained, lost } = policyChange
  const how = { new: "is new", changed: "changed", removed: "was taken away" }[is]
  return [
    `policy     it ${how}, by an owner's signature`,
    ...lost.map(({ name, effect }) => `policy     no longer: ${effect} ${name}`),
    ...gained.map(({ name, effect }) => `policy     now: ${effect} ${name}`),
  ]
}

/** How many rules the policy has. */
function ruleCount({ policy }: Inspection): string[] {
  return policy === undefined
    ? []
    : [`policy    ${counted(policy.length, "rule")}: agent-vault policy show`]
}

function useLines({ uses = [] }: Inspection): string[] {
  return uses.flatMap(({ secret, gained, lost }) => [
    ...gained.map((rule) => `use        ${secret} may go: ${describeUse(rule)}`),
    ...lost.map((rule) => `use        ${secret} may no longer go: ${describeUse(rule)}`),
  ])
}

function sourceLines({ sources = [] }: Inspection): string[] {
  return sources.map(({ secret, isNew, before, after }) => {
    const [from, to] = [before, after].map((source) =>
      source === undefined ? "the vault" : `${source.store} (kept for ${source.keep} s)`,
    )
    return `source     ${secret} comes from ${to ?? ""}, and ${isNew ? "is new" : `came from ${from ?? ""}`}`
  })
}

function leaseLines({ leases = [] }: Inspection): string[] {
  return leases.map(({ secret, isNew, before, after }) => {
    const [was, is] = [before, after].map((lease) =>
      lease === undefined ? "handed out as it is sealed" : `leased: ${describeLease(lease)}`,
    )
    return `lease      ${secret} is ${is ?? ""}, and ${isNew ? "is new" : `was ${was ?? ""}`}`
  })
}
