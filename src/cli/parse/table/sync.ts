import type { CommandSpec } from "../call.js"
import { CHANGE, DIR, JSON_OUT } from "./options.js"

/** What brings clones together. */
export const SYNC: readonly CommandSpec[] = [
  {
    name: "sync",
    words: "",
    summary: "fetch, verify, merge and push the branch with the vault",
    options: {
      "no-push": { describe: "bring in what is new, and push nothing" },
      remote: {
        value: "REMOTE",
        describe: "the remote (default: the one that the branch follows)",
      },
      ...CHANGE,
    },
    examples: [
      ["agent-vault sync", "needs a key only if both sides changed the same"],
      ["agent-vault sync --dry-run", "fetches and verifies, and moves nothing"],
      ["agent-vault sync --no-push", "in CI, and before a pull request"],
    ],
    notes:
      "What comes is used only after its signatures, its owners and its freshness are verified. Other files are merged as git merges them. If a person has to choose, nothing moves, and the message names the next step.",
  },
  {
    name: "resolve",
    words: "[name..]",
    summary: "settle what a merge, a rebase or the like left in conflict in the vault",
    options: {
      ours: { describe: "take our side: what git status calls ours or HEAD" },
      theirs: { describe: "take their side: what is being merged in, or replayed" },
      ...CHANGE,
    },
    examples: [
      ["agent-vault resolve", "settles what needs no choice, and lists the rest"],
      ["agent-vault resolve stripe/api-key --theirs", "of two values, theirs"],
      ["agent-vault resolve --ours", "everything that is left"],
    ],
    notes:
      "It stages what it settles; git commits it. A name is that of a secret or an agent. In a rebase, ours is the branch that you rebase onto, and theirs is your own commit.",
  },
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
