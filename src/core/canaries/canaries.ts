import type { AuditedSecret } from "../audit/audit-line.js"
import type { Identity } from "../keys/identity.js"
import type { SecretRecord } from "../records/record.js"
import { readersOfGroup } from "../vault/group-readers.js"
import type { GroupKeys } from "../vault/group-key.js"
import { OpenedSecret, openSecret } from "../vault/read.js"
import type { Terms } from "../vault/terms.js"
import { type Vault, findGroup, findSecret, listSecrets } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { parseSecretName } from "../words/names.js"
import {
  type Canary,
  type CanaryNote,
  NOTES_GROUP,
  decodeNote,
  isNote,
  isPlaced,
} from "../records/canary.js"
import { CanarySearch } from "./canary-search.js"

/** How a canary stands in the vault now. */
export interface CanaryState extends Canary {
  /**
   * `replaced`: its secret has another value; `gone`: the secret was removed or moved, and not by
   * `canary remove`.
   */
  readonly is: "placed" | "replaced" | "gone" | "removed"
  /** The agents that open it now. With others than its own, it does not tell who leaked. */
  readonly openedBy: readonly string[]
}

/** The canaries of a vault, as its owners noted them. The values stay inside. */
export class Canaries {
  /** Those in the vault first, each by its secret's name. */
  readonly all: readonly CanaryState[]
  /** Agents that open the notes, and so know which secrets are canaries; there should be none. */
  readonly knownTo: readonly string[]
  readonly #notes: readonly CanaryNote[]

  private constructor(vault: Vault, notes: readonly CanaryNote[]) {
    this.#notes = notes
    this.all = notes.map((note) => stateOf(vault, note)).toSorted(byPlace)
    this.knownTo = openersOf(vault, NOTES_GROUP)
  }

  /**
   * Reads the notes, each a line in the audit. Throws `NOT_OWNER` for an agent's key,
   * `RECORD_INVALID`, and what reading a secret throws.
   */
  static async read(vault: Vault, key: Identity, terms: Terms, now: Date): Promise<Canaries> {
    if (!vault.owners.some(({ recipient }) => recipient === key.recipient)) throw notOwner()
    const groupKeys: GroupKeys = new Map()
    const opened: OpenedSecret[] = []
    for (const name of listSecrets(vault, NOTES_GROUP).filter(isNote)) {
      opened.push(await openSecret(vault, { key, name, now }, groupKeys))
    }
    const reads = await OpenedSecret.handOut(opened, terms, now)
    for (const secret of opened) secret.forget()
    return new Canaries(
      vault,
      reads.map(({ name, value }) => decodeNote(name, value)),
    )
  }

  /** The canary that a secret of this name was at a time, by any of its values if none is told. */
  of({ name, version }: AuditedSecret, at: string): CanaryState | undefined {
    return this.all.find(
      ({ secret, placed, removed, ...canary }) =>
        secret === name &&
        (version === undefined || canary.version === version) &&
        placed <= at &&
        (removed === undefined || at <= removed),
    )
  }

  /** Looks for all of them, those that were removed too, in one text. */
  search(): CanarySearch {
    return new CanarySearch(this.#notes)
  }
}

function stateOf(vault: Vault, { value: _value, ...canary }: CanaryNote): CanaryState {
  const name = parseSecretName(canary.secret)
  const record = findSecret(vault, name)
  const is = canary.removed === undefined ? standingOf(canary, record) : "removed"
  return { ...canary, is, openedBy: is === "placed" ? openersOf(vault, name.group) : [] }
}

function standingOf(canary: Canary, record: SecretRecord | undefined): CanaryState["is"] {
  if (record === undefined) return "gone"
  return isPlaced(canary, record) ? "placed" : "replaced"
}

function openersOf(vault: Vault, group: string): string[] {
  const record = findGroup(vault, group)
  return record === undefined ? [] : readersOfGroup(record).map(({ agent }) => agent)
}

function byPlace(one: CanaryState, other: CanaryState): number {
  if ((one.is === "removed") !== (other.is === "removed")) return one.is === "removed" ? 1 : -1
  return one.secret < other.secret ? -1 : 1
}

function notOwner(): VaultError {
  return new VaultError("NOT_OWNER", "which secrets are canaries is for owners to know", {
    hint: "act with an owner's key: --owner, or --identity FILE",
  })
}
