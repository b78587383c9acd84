import { VaultError, agentKeyFile, claimedId } from "../../../core/index.js"
import {
  type ChosenKey,
  type Resolved,
  type Side,
  type VaultConflict,
  holdsKeyOf,
  resolve,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import {
  asJson,
  counted,
  droppedLines,
  print,
  tell,
  unfinishedLines,
  unfinishedPart,
} from "../../door/render.js"
import { isSet, mergeRequest } from "../../door/who.js"

/** Something is left in conflict. */
const LEFT = 1

export async function run(door: Door): Promise<number> {
  const side = sideOf(door)
  const names = door.call.words
  const request = await mergeRequest(door)
  const { dryRun } = request
  const resolved = await resolve({
    ...request,
    choices: {
      named: new Map(side === undefined ? [] : names.map((name) => [name, side])),
      all: names.length === 0 ? side : undefined,
    },
  })
  const { conflicts, others } = resolved
  const code = conflicts.length + others.length > 0 ? LEFT : 0
  if (await asJson(door, { ...resolved, ...unfinishedPart(resolved), dryRun })) return code
  await print(door, [
    ...conflicts.flatMap(conflictLines),
    ...droppedLines(resolved.dropped),
    ...exposureLines(door, resolved.exposed),
  ])
  const vault = claimedId(request.place)
  for (const key of resolved.keys) tell(door, ...(await keyLines(door, vault, key)))
  tell(door, ...unfinishedLines(resolved), ...whatNext(resolved, dryRun))
  return code
}

function sideOf(door: Door): Side | undefined {
  const [ours, theirs] = [isSet(door, "ours"), isSet(door, "theirs")]
  if (ours && theirs) {
    throw new VaultError("USAGE", "--ours and --theirs are two sides of one conflict", {
      hint: "give one",
    })
  }
  if (!ours && !theirs && door.call.words.length > 0) {
    throw new VaultError("USAGE", "nothing says which side is meant", {
      hint: `agent-vault resolve ${door.call.words.join(" ")} --ours, or --theirs`,
    })
  }
  return ours ? "ours" : theirs ? "theirs" : undefined
}

function conflictLines({ name, ours, theirs }: VaultConflict): string[] {
  return [
    name,
    `  ours:   ${sideLine(ours)}`,
    `  theirs: ${sideLine(theirs)}`,
    `  agent-vault resolve ${name} --ours, or --theirs`,
  ]
}

function sideLine({ is, version, changed, recipient }: VaultConflict["ours"]): string {
  if (is === "removed") return "removed"
  if (recipient === undefined) return `version ${version ?? ""}, set ${changed ?? ""}`
  // The key file says it too. That of a post-quantum vault has two thousand characters.
  return `the key of ${recipient.length > 70 ? `${recipient.slice(0, 70)}…` : recipient}`
}

/** What becomes of the key file on this machine, and of that on others. */
async function keyLines(
  door: Door,
  vault: string,
  { agent, recipient }: ChosenKey,
): Promise<string[]> {
  const file = agentKeyFile(vault, agent, door.env)
  const holds = await holdsKeyOf(file, recipient)
  const elsewhere = "Where it runs with the other one, after the merge"
  const [head, next] =
    holds === true
      ? [`${agent} keeps the key that is in ${file}.`, elsewhere]
      : holds === false
        ? [
            `${agent} does not keep the key that is in ${file}: it opens nothing after the merge.`,
            "Then put the other one there",
          ]
        : [`${agent} keeps one of its two keys; neither is in ${file}.`, elsewhere]
  return [head, `  ${next}: agent-vault agent recover ${agent}`]
}

const FINISH: Readonly<Record<Resolved["during"], string>> = {
  merge: "git commit --no-edit",
  am: "git am --continue",
  rebase: "git rebase --continue",
  "cherry-pick": "git cherry-pick --continue",
  revert: "git revert --continue",
  squash: "git commit",
  nothing:
    "agent-vault apply, if a merge was committed already; git stash drop, if a stash was popped",
}

function whatNext(
  { settled, conflicts, others, files, during }: Resolved,
  dryRun: boolean,
): string[] {
  const staged = counted(files.length, "file")
  const did = dryRun ? `Dry run: ${staged} would be staged` : `${staged} staged`
  const rest = [...conflicts.map(({ name }) => name), ...others]
  return [
    ...(settled.length === 0 ? [] : [`Settled: ${settled.join(", ")}. ${did}.`]),
    ...(rest.length === 0 ? [] : [`Still in conflict: ${rest.join(", ")}`]),
    ...(settled.length + rest.length === 0 ? ["Nothing of the vault is in conflict."] : []),
    ...(rest.length > 0 || dryRun || (settled.length === 0 && during === "nothing")
      ? []
      : [`Next: ${FINISH[during]}`]),
  ]
}
