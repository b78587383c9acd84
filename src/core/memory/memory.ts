import { Marks, branchMarks, userMarks } from "./marks.js"
import { inFolder } from "../disk/files.js"
import { type Environment, stateHome } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import { type KnownVaultFile, knownVaultFile } from "./known-vault.js"

/** What this machine remembers of a vault, in the state folder. */
export interface Memory {
  /** What this clone accepted on this branch. */
  readonly branchMarks: Marks
  /** What this user accepted on any branch: group epochs and agents. */
  readonly userMarks: Marks
  /** The folder with the digests of records that were verified before; see verified-records.ts. */
  readonly verifiedRecords: string | undefined
  /** The file that says which vault lies at this place, on this branch. */
  readonly knownVault: KnownVaultFile
}

/** The memory of a vault, as far as the branch that is checked out is concerned. */
export function memoryOf(vault: string, place: Place, env: Environment): Memory {
  const marks = branchMarks(vault, place.checkout, env)
  // In an image, say: nobody can change the vault there, and perhaps nothing can be written.
  if (place.checkout === undefined) return { ...noMemory(), branchMarks: marks }
  return {
    branchMarks: marks,
    userMarks: userMarks(vault, env),
    verifiedRecords: inFolder(stateHome(env), `${vault}/verified`),
    knownVault: knownVaultFile(place, env),
  }
}

/** Where nothing is to be remembered, or held against what was. */
export function noMemory(): Memory {
  const nothing = new Marks(undefined)
  return {
    branchMarks: nothing,
    userMarks: nothing,
    verifiedRecords: undefined,
    knownVault: undefined,
  }
}
