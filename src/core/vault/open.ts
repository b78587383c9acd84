import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { VaultError } from "../words/errors.js"
import { lookAt } from "../disk/at-path.js"
import { Evidence, gather } from "../disk/evidence.js"
import { FolderFiles, inFolder } from "../disk/files.js"
import { YOUNG_MS, stampOf } from "../disk/stamp.js"
import { VAULT_RECORD } from "../words/layout.js"
import type { OnNote } from "../words/note.js"
import type { Environment } from "../disk/homes.js"
import {
  type IdentityChoice,
  type OwnerByDefault,
  type Identity,
  chooseIdentity,
} from "../keys/identity.js"
import { changeStamp, journalExists } from "../disk/journal-file.js"
import type { AskPassphrase } from "../keys/key-files.js"
import type { Place } from "../disk/place.js"
import { findAnchor } from "../memory/trust.js"
import { acceptUndone, acceptUndoneOr } from "./accept-undone.js"
import { type Vault, openVaultFiles, readVaultRecord } from "./vault.js"
import { memoryOf } from "../memory/memory.js"

const PATIENCE_MS = 2000
const PAUSE_MS = 20
/** For how long a file may stay half written, by a Git on a busy machine. */
const HALF_WRITTEN_MS = 1000

/** What goes wrong while a change is half in the work tree, and is right a moment later. */
const MOMENTARY = new Set([
  "NO_VAULT",
  "RECORD_INVALID",
  "SIGNATURE_INVALID",
  "DIGEST_MISMATCH",
  "RECIPIENT_MISMATCH",
  "NOT_A_READER",
  "CIPHERTEXT_DAMAGED",
  "ROLLED_BACK",
  "SEALED_TO_OLD_KEY",
  "GROUP_NOT_FOUND",
  "SECRET_NOT_FOUND",
  "AGENT_NOT_FOUND",
])

/**
 * The id that the vault at `place` claims; nothing is verified yet. Git writes a file in place, so a
 * young one that cannot be read may be half written, and is read again.
 */
export function claimedId(place: Place): string {
  const file = inFolder(place.root, VAULT_RECORD)
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const stamp = stampOf(file)
    const now = Date.now()
    try {
      return readVaultRecord(new FolderFiles(place.root)).vault
    } catch (error) {
      const isYoung = stamp.changed > now - HALF_WRITTEN_MS
      if (!isYoung || !isCutOff(error) || now > deadline) throw error
      pause(PAUSE_MS)
    }
  }
}

/** Whether a record ended before its JSON did. */
function isCutOff(error: unknown): boolean {
  return VaultError.is(error, "RECORD_INVALID") && error.cause instanceof SyntaxError
}

/** Waits without giving way: who asks for an id gets it at once, or an error. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, ms)
}

/** Chooses who acts in the vault at `place`. Throws the codes of {@link chooseIdentity}. */
export function identityAt(
  place: Place,
  choice: IdentityChoice,
  ownerByDefault: OwnerByDefault,
  env: Environment,
  ask: AskPassphrase,
): Promise<Identity> {
  return chooseIdentity(claimedId(place), choice, ownerByDefault, env, ask)
}

/**
 * Opens the vault at `place` for reading and does `work` with it. Takes no lock and runs no Git: if
 * what was read does not fit together while another process changes the vault, it is read again,
 * for at most two seconds. What was undone here, and never published, is accepted; `onNote` hears of
 * it. Throws `BUSY` if a change was left half done.
 */
export async function withVault<T>(
  place: Place,
  keyFileTrust: string | undefined,
  env: Environment,
  work: (vault: Vault) => T | Promise<T>,
  onNote?: OnNote,
): Promise<T> {
  const attempt = async (): Promise<Attempted<T>> => {
    const vault = openForReading(place, keyFileTrust, env)
    const result = await work(vault)
    vault.verifiedBefore.save()
    return { result, hasRefused: vault.memory.branchMarks.hasRefused }
  }
  return acceptingUndone(place, env, onNote, () => untilWhole(place, attempt))
}

/** What came of some work on a vault, and whether it came upon records that were set back. */
export interface Attempted<T> {
  readonly result: T
  readonly hasRefused?: boolean
}

/**
 * Does work on a vault, and once more if what it refused was undone here and never published; see
 * {@link acceptUndone}.
 */
export async function acceptingUndone<T>(
  place: Place,
  env: Environment,
  onNote: OnNote | undefined,
  work: () => Promise<Attempted<T>>,
): Promise<T> {
  try {
    const { result, hasRefused } = await work()
    if (hasRefused !== true || !(await acceptUndone(place, env, onNote)).isAccepted) return result
  } catch (error) {
    await acceptUndoneOr(error, place, env, onNote)
  }
  return (await work()).result
}

/** Does work again as long as a change in the work tree may be why it failed. */
async function untilWhole<T>(place: Place, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  let earlier: VaultError | undefined
  for (;;) {
    const stamp = changeStamp(place)
    const evidence = new Evidence()
    try {
      // Most work is whole at once: only what failed has to give evidence.
      if (!journalExists(place)) return await (earlier ? gather(evidence, work) : work())
    } catch (error) {
      if (!(error instanceof VaultError) || !MOMENTARY.has(error.code)) throw error
      const isSame = error.message === earlier?.message && stamp === changeStamp(place)
      if (isSame && isAtRest(place, evidence)) throw error
      earlier = error
    }
    if (Date.now() > deadline) throw journalExists(place) ? busy() : (earlier ?? busy())
    // Until what is young is so no more, a look whether it changed does: the work may cost much.
    const old = Date.now() + YOUNG_MS
    do await sleep(PAUSE_MS)
    while (!evidence.isSettled() && evidence.holds() && Date.now() < old)
  }
}

/**
 * Whether what was read is what will stay: no file of it is so young that a Git may be about to write
 * the next one, and no Git holds the index, as it does through a checkout.
 */
function isAtRest({ checkout }: Place, evidence: Evidence): boolean {
  if (!evidence.isSettled() || !evidence.holds()) return false
  return checkout === undefined || lookAt(join(checkout.gitFolder, "index.lock")) === undefined
}

function openForReading(place: Place, keyFileTrust: string | undefined, env: Environment): Vault {
  const files = new FolderFiles(place.root)
  const id = readVaultRecord(files).vault
  const anchor = findAnchor(id, keyFileTrust, env)
  return openVaultFiles(files, anchor, memoryOf(id, place, env))
}

function busy(): VaultError {
  return new VaultError("BUSY", "a change of this vault is not complete", {
    hint: "if no agent-vault is running, complete it (no key needed): agent-vault repair",
  })
}
