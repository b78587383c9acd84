import { VAULT_RECORD } from "./layout.js"

/** Whether a text has the markers that Git writes where two sides changed the same lines. */
export function hasMergeMarkers(text: Uint8Array): boolean {
  return Buffer.from(text).includes("\n>>>>>>> ")
}

/** What settles a record with markers. Who governs is decided by no merge, so not by `resolve` either. */
export function settledBy(path: string): string {
  return path === VAULT_RECORD
    ? "both sides changed the owners, or the policy, and no command settles that: git merge --abort, or git rebase --abort; then make one of the two changes again, on top of the other"
    : "an owner settles it: agent-vault resolve"
}
