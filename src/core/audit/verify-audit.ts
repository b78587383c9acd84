import type { AuditChain } from "./audit-chain.js"
import type { AuditHead } from "./audit-head.js"

/** How far what is here agrees with a head that was published. */
export interface ComparedHead {
  readonly head: AuditHead
  /**
   * `held`: the line is there, as it was. `changed`: another line is. `cut-off`: the chain ends before
   * it. `not-here`: none of the files is this chain.
   */
  readonly is: "held" | "changed" | "cut-off" | "not-here"
}

/** Compares the heads that were published with the chains that are here. */
export function compareHeads(
  chains: readonly AuditChain[],
  heads: readonly AuditHead[],
): ComparedHead[] {
  const byId = new Map(chains.map((chain) => [chain.id, chain]))
  return heads.map((head) => {
    const chain = byId.get(head.chain)
    if (chain === undefined) return { head, is: "not-here" }
    const there = chain.lines.find(({ line }) => line.seq === head.seq)
    if (there === undefined) return { head, is: "cut-off" }
    return { head, is: there.digest === head.head ? "held" : "changed" }
  })
}
