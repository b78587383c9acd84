import type { CommandSpec } from "../call.js"
import { DIR, JSON_OUT } from "./options.js"

/** What brings clones together. */
export const SYNC: readonly CommandSpec[] = [
  {
    name: "git setup",
    words: "",
    summary: "have git leave merges of records to agent-vault, in this clone",
    options: {
      remove: { describe: "take that out of the clone's configuration again" },
      ...DIR,
      ...JSON_OUT,
    },
    examples: [
      ["agent-vault git setup", "once in each clone; git then calls agent-vault in merges"],
      ["agent-vault git setup --remove", "git merges records as text again"],
    ],
    notes:
      "Without it, git writes its conflict markers into records, which nobody can read until they are settled. `agent-vault sync` and `agent-vault resolve` need no setup.",
  },
  {
    name: "git merge-file",
    words: "<base> <ours> <theirs> <path>",
    summary: "merge one file for git; `git setup` has git call it",
    options: {},
    examples: [["agent-vault git merge-file -- %O %A %B %P", "as git is told to"]],
    notes: "It ends with 0 if ours holds the merged file, and with 1 if the file is in conflict.",
  },
]
