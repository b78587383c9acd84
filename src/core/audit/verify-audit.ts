import { groupedBy } from "../words/grouped.js"
import type { AuditChain } from "./audit-chain.js"
import type { AuditHead } from "./audit-head.js"

/** How far what is here agrees with a head that was published. */
export interface ComparedHead {
  readonly head: AuditHead
  /**
   * `held`: the line is there, as it was. `changed`: another line is, in one of the files that are this
   * chain. `cut-off`: all of them end before it. `not-here`: none of the files is this chain.
   */
  readonly is: "held" | "changed" | "cut-off" | "not-here"
}

/** Compares the heads that were published with the chains that are here. */
export function compareHeads(
  chains: readonly AuditChain[],
  heads: readonly AuditHead[],
): ComparedHead[] {
  const byId = groupedBy(chains, ({ id }) => id)
  return heads.map((head) => {
    const chain = byId.get(head.chain)
    if (chain === undefined) return { head, is: "not-here" }
    // An earlier copy of a file lacks what came later, and contradicts nothing.
    const there = chain.flatMap(
      ({ lines }) => lines.find(({ line }) => line.seq === head.seq) ?? [],
    )
    if (there.length === 0) return { head, is: "cut-off" }
    return { head, is: there.every(({ digest }) => digest === head.head) ? "held" : "changed" }
  })
}
