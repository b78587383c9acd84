import { type Synced, sync } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { exposureLines } from "../../door/exposure-lines.js"
import {
  asJson,
  droppedLines,
  print,
  tell,
  unfinishedLines,
  unfinishedPart,
} from "../../door/render.js"
import { isSet, mergeRequest, option } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const request = await mergeRequest(door)
  const { dryRun } = request
  const remote = option(door, "remote")
  const synced = await sync({ ...request, remote, push: !isSet(door, "no-push") })
  if (await asJson(door, { ...synced, ...unfinishedPart(synced), dryRun })) return
  tell(door, broughtLine(synced, dryRun))
  if (synced.settled.length > 0) {
    tell(door, `Settled with an owner's key: ${synced.settled.join(", ")}`)
  }
  await print(door, [...droppedLines(synced.dropped), ...exposureLines(door, synced.exposed)])
  tell(door, ...unfinishedLines(synced), ...nextLines(synced, dryRun))
}

function broughtLine({ with: remote, brought, commit, isAhead, pushed }: Synced, dryRun: boolean) {
  const at = `commit ${commit.slice(0, 10)}`
  if (brought === "forward") {
    return dryRun ? `Dry run: would go forward to ${remote}, ${at}` : `As ${remote} now, ${at}`
  }
  if (brought === "merge") {
    return dryRun ? `Dry run: would merge ${remote}` : `Merged ${remote}, ${at}`
  }
  return isAhead || pushed ? `Nothing new in ${remote}.` : `Nothing new: the same as ${remote}.`
}

function nextLines(synced: Synced, dryRun: boolean): string[] {
  const { with: remote, pushed, isAhead, isForOwners } = synced
  return [
    ...(pushed ? [`Pushed to ${remote}.`] : []),
    ...(dryRun && isAhead ? [`Dry run: would push to ${remote}`] : []),
    ...(!dryRun && isAhead ? ["Not pushed. Share it: agent-vault sync"] : []),
    ...(isForOwners
      ? ["Both sides changed the vault. An owner completes what is left: agent-vault apply"]
      : []),
  ]
}
