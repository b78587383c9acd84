import { type SetUp, removeDriver, setUpDriver } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, tell } from "../../door/render.js"
import { startedByGit } from "../../door/git-driver.js"
import { isSet, option, userPath } from "../../door/who.js"

const SAID: Readonly<Record<SetUp, string>> = {
  made: "In this clone, git now leaves merges of records to agent-vault (merge.agent-vault in .git/config).",
  changed:
    "In this clone, git now leaves merges of records to this agent-vault, not to the one before.",
  there: "In this clone, git leaves merges of records to agent-vault already.",
  removed: "In this clone, git merges records as text again.",
  absent: "Nothing to remove: in this clone, git merges records as text.",
}

export async function run(door: Door): Promise<void> {
  const folder = userPath(door, option(door, "dir") ?? ".")
  const result = isSet(door, "remove")
    ? await removeDriver(folder, door.env)
    : await setUpDriver(folder, door.env, startedByGit())
  if (await asJson(door, { result })) return
  tell(door, SAID[result])
  if (result === "made" || result === "changed") {
    tell(
      door,
      "Where both sides changed a record, git reports a conflict; it is settled by: agent-vault resolve",
    )
  }
}
