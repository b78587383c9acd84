import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Machine } from "./machine.js"

/** Leaves the journal of a change that a kill ended before its branch moved; returns where it is. */
export function leaveHalfDone(machine: Machine): string {
  const journal = join(machine.repo, ".git/agent-vault/journal.json")
  const from = machine.git("rev-parse", "HEAD")
  const to = machine.git("commit-tree", "-m", "never on the branch", "HEAD^{tree}")
  const change = { branch: "refs/heads/main", from, to, folder: ".agent-vault", paths: [] }
  mkdirSync(dirname(journal), { recursive: true })
  writeFileSync(journal, JSON.stringify(change))
  return journal
}
