import type { CheckFinding } from "../check/check-finding.js"
import { checkFile } from "../check/check-file.js"
import { checkAgainst } from "../check/history.js"
import { type Memory, noMemory } from "../memory/memory.js"
import { markOf } from "../memory/marks.js"
import { type VaultFiles } from "../disk/files.js"
import { allRecords, verifyVault } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { shellWord } from "../words/shell-word.js"
import { VAULT_RECORD, classify } from "../words/layout.js"
import { pathsOf } from "../words/unit.js"
import type { VaultMerge } from "./merge-vault.js"
import { changedUnits } from "./units.js"

/**
 * Verifies what the other side brings: every record, every ciphertext that it changed, and that
 * nothing falls behind what both come from, nor undoes a revoke (`undoneRevokes`). `name` is the branch of the remote, `origin/main`. Throws
 * the codes of exit 5, and `UNTRUSTED` for owners whom no known owner added.
 */
export async function verifyTheirs(
  { sides, base, theirs }: VaultMerge,
  { remote, name }: { readonly remote: string; readonly name: string },
  undoneRevokes: readonly CheckFinding[],
  now: Date,
): Promise<void> {
  allRecords(theirs)
  const findings = base === undefined ? [] : checkAgainst(base, theirs).findings
  const refused = [...findings, ...undoneRevokes].find(({ severity }) => severity === "refused")
  if (refused !== undefined) {
    throw new VaultError("ROLLED_BACK", `${name}: ${refused.subject} ${refused.message}`, {
      hint: `look at it before anything else: git fetch ${shellWord(remote)} && git log ${shellWord(name)} -- .agent-vault`,
    })
  }
  for (const unit of changedUnits(sides.base, sides.theirs)) {
    for (const path of pathsOf(unit).filter((each) => sides.theirs.has(each))) {
      await checkFile(theirs, path, classify(path), now, undefined)
    }
  }
}

/**
 * Verifies files as the readers of this clone will, with what it remembers. It remembers nothing of
 * them yet but whose signatures hold. Throws `ROLLED_BACK` and the other codes of exit 5.
 */
export function verifyForReaders(files: VaultFiles, memory: Memory): void {
  const { branchMarks, verifiedRecords } = memory
  const vault = verifyVault(files, { ...noMemory(), branchMarks, verifiedRecords })
  branchMarks.refuseOlder(VAULT_RECORD, markOf(vault.record))
  allRecords(vault)
  vault.verifiedBefore.save()
}
