import { realpathSync } from "node:fs"
import { argv, execPath } from "node:process"
import { type SetUp, removeDriver, setUpDriver } from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson, tell } from "../../door/render.js"
import { isSet, option, userPath } from "../../door/who.js"
import { shellWord } from "../../../core/index.js"

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

/**
 * For the shell that git starts: this very program as long as it is there, else the one on PATH. If
 * there is none, the shell ends with 127, which git takes for a conflict, and ours stays.
 */
function startedByGit(): string {
  const program = [execPath, realpathSync(argv[1] ?? execPath)].map(shellWord)
  const isThere = program.map((file) => `[ -f ${file} ]`).join(" && ")
  const choose = `if ${isThere}; then set -- ${program.join(" ")}; else set -- agent-vault; fi`
  return `${choose}; "$@" git merge-file --`
}
