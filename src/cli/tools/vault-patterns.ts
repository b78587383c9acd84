import {
  type BrokeredVault,
  type Patterns,
  VaultError,
  compilePatterns,
  isVague,
  redactText,
} from "../../core/index.js"
import type { Door } from "../door/door.js"
import type { Values } from "../run/variable-values.js"
import { tellUnsearched } from "../run/brokered.js"

/**
 * What is looked for where a model reads: all that the agent may read, but not what stands in many
 * texts by chance, unless the program was given it: also `values`, as it gets them. Throws
 * `GATE_REFUSED` if the command line holds some of it: every process of this machine could see it there.
 */
export async function patternsOf(
  door: Door,
  vault: BrokeredVault,
  values: Values,
  words: readonly string[],
): Promise<Patterns> {
  const { reads, unread } = await vault.unseen()
  if (unread.length > 0) tellUnsearched(door, unread)
  const given = new Set(vault.names.map(({ full }) => full))
  const sought = reads.filter(({ name, value }) => given.has(name.full) || !isVague(value))
  // What the program gets may be a lease, or was set since.
  const own = Object.values(values).map((value) => ({ name: value.name, value: value.bytes() }))
  const known = sought.map(({ name, value }) => ({ name: name.full, value }))
  const isNew = ({ name, value }: (typeof own)[number]): boolean =>
    !known.some((each) => each.name === name && Buffer.compare(each.value, value) === 0)
  const patterns = compilePatterns([...known, ...own.filter(isNew)])
  for (const { value } of [...reads, ...own]) value.fill(0)
  if (words.every((word) => redactText(patterns, word) === word)) return patterns
  vault.note({ event: "refused", decision: "refused", reason: "GATE_REFUSED" })
  throw new VaultError("GATE_REFUSED", "the command line holds a value of the vault", {
    hint: "write what stands for it: $VARIABLE in a shell line, {{GROUP/NAME}} in args",
  })
}
