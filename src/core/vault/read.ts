import { type AuditEvent, readsAsEvents } from "../audit/audit.js"
import type { ReadEvent, Surface } from "../audit/read-event.js"
import type { Key } from "../keys/key-files.js"
import type { SessionKeys } from "../leases/lease-issuer.js"
import { type Actor, admit } from "../policy/access.js"
import { requestOf } from "../policy/require-policy.js"
import { type GroupRecord, type SecretRecord } from "../records/record.js"
import { type Sending, patternOf } from "../policy/sending.js"
import { VaultError } from "../words/errors.js"
import { secretPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { overwrite } from "../words/overwrite.js"
import { utc } from "../words/time.js"
import { type GroupKeys, inFile, openGroupOnce, readSigned, refuseOldKey } from "./group-key.js"
import { policyOf, questionOf } from "./policy-of.js"
import { type AskedRead, admitted, noteRefusal } from "./refusals.js"
import { type ResolvedReads, refuseChanged, withResolved } from "./resolved-reads.js"
import {
  type SendTerms,
  type Suits,
  neverByOwner,
  refuseVariable,
  requireAsk,
  requireRule,
} from "./send-terms.js"
import { type LeavingSecret, type Terms, requireTerms } from "./terms.js"
import { type Vault, getGroup, getSecret, remember } from "./vault.js"

/** A value that was read, and the signed records that let it be. */
export interface SecretRead {
  readonly name: SecretName
  /** The caller's own copy. */
  readonly value: Uint8Array
  readonly record: SecretRecord
  /** When a leased value ends by itself. */
  readonly until?: Date
  /** Of a request that is signed: the short-lived keys that do, the caller's own copies. */
  readonly keys?: SessionKeys
}

/** A value that a request gets: where it goes, by the request as it is after the program sent it. */
interface Placed {
  readonly secret: OpenedSecret
  readonly sending: Sending
  /** The rules that it may be sent by; all, without it. */
  readonly suits?: Suits | undefined
}

/** Whether a secret may leave at a time, and as what; `which` of those that leave together. */
type Asking<T> = (secret: OpenedSecret, at: Date, which: number) => T

/** A secret that is to leave, with its value and the vault that it was opened in. */
interface OpenedParts extends LeavingSecret {
  readonly vault: Vault
  readonly group: GroupRecord
  readonly value: Uint8Array
}

/**
 * A secret that was verified and opened. Its value leaves through {@link OpenedSecret.handOut}, and
 * no other way.
 */
export class OpenedSecret {
  readonly name: SecretName
  readonly record: SecretRecord
  readonly #parts: OpenedParts

  /** Made by {@link openSecret}. */
  constructor(parts: OpenedParts) {
    this.name = parts.name
    this.record = parts.record
    this.#parts = parts
  }

  /** Bytes of the value. */
  get size(): number {
    return this.#parts.value.length
  }

  /** Overwrites the value. */
  forget(): void {
    this.#parts.value.fill(0)
  }

  /**
   * The one way out, for all or none: the grants are compared with the clock again, the vault's policy
   * is asked, the reveal policy where a model would see the values, a person where an agent's harness
   * would, a value that lies in another store is fetched, a lease taken, and all of this asked anew of
   * the vault as it is by then, each read is noted in the audit, and only then is there a value. What
   * is refused for want of a right is noted too. Rejects as {@link requireTerms}, {@link withResolved},
   * `onRead` and {@link openSecret} do, or with `GRANT_ENDED`, `AUDIT_UNWRITABLE`, `BUSY`.
   */
  static async handOut(
    secrets: readonly OpenedSecret[],
    terms: Terms,
    now: Date,
  ): Promise<SecretRead[]> {
    const ask: Asking<ReadEvent> = (secret, at) =>
      secret.#event(secret.#admit(terms, at), terms.outlet.surface, at)
    const asked = secrets.map((secret, which) => ask(secret, now, which))
    // Copied before `onRead` runs: it may read again, and so have the values overwritten.
    const sealed = secrets.map((secret) => secret.#copy())
    const readers = secrets.map((secret) => secret.#reader)
    const resolving = withResolved(sealed, terms, asked, readers, now)
    const [reads, events] =
      resolving === undefined
        ? [sealed, asked]
        : await OpenedSecret.#askAgain(secrets, sealed, resolving, asked, ask, now, terms)
    terms.audit.note(readsAsEvents(events).map((event) => ({ ...event, ...terms.by })))
    for (const event of events) terms.onRead?.(event)
    return reads
  }

  /**
   * The way out into a request, for all or none: the grants are compared with the clock again, the
   * `use` of the very records that were read must let each value go there, the policy too, a person
   * must have agreed where one of them says so, stores and issuers are asked, and all of this asked
   * anew by then, and the lines are durable in the audit before there is a value. The reveal policy is
   * not asked: nobody sees the value. An owner's key never serves. Rejects with `GRANT_ENDED`,
   * `USE_REFUSED`, `POLICY_REFUSED`, `ASK_REFUSED`, `OWNER_KEY_UNASKED`, `AUDIT_UNWRITABLE`, `BUSY`,
   * and as {@link withResolved} and {@link openSecret} do.
   */
  static async send(placed: readonly Placed[], terms: SendTerms, now: Date): Promise<SecretRead[]> {
    const ask: Asking<AuditEvent> = (secret, at, which) =>
      secret.#sent(placed[which] as Placed, terms, at)
    const secrets = placed.map(({ secret }) => secret)
    const asked = secrets.map((secret, which) => ask(secret, now, which))
    // Copied before anything is waited for: who reads again may have the values overwritten.
    const sealed = secrets.map((secret) => secret.#copy())
    const readers = secrets.map((secret) => secret.#reader)
    const resolving = withResolved(sealed, terms, asked, readers, now)
    const [reads, events] =
      resolving === undefined
        ? [sealed, asked]
        : await OpenedSecret.#askAgain(secrets, sealed, resolving, asked, ask, now)
    try {
      await terms.audit.noteDurably(events)
    } catch (error) {
      overwrite(reads)
      throw error
    }
    return reads
  }

  /** The values that stores gave, and what is asked: anew, of the vault by then, if they were awaited. */
  static async #askAgain<T>(
    secrets: readonly OpenedSecret[],
    sealed: readonly SecretRead[],
    resolving: Promise<ResolvedReads>,
    asked: readonly T[],
    ask: Asking<T>,
    now: Date,
    noted?: Terms,
  ): Promise<[reads: SecretRead[], asked: readonly T[]]> {
    const began = Date.now()
    let fetched: readonly SecretRead[] = []
    try {
      const { reads, anew } = await resolving
      fetched = reads
      if (anew === undefined) return [reads, asked]
      return await anew(async (vault) => {
        const at = new Date(now.getTime() + Math.max(0, Date.now() - began))
        const groupKeys: GroupKeys = new Map()
        const again: T[] = []
        for (const [which, before] of secrets.entries()) {
          const { key, name } = before.#parts
          const secret = await openSecret(vault, { key, name, now: at, terms: noted }, groupKeys)
          again.push(ask(secret, at, which))
          refuseChanged({ name, record: secret.record, value: secret.#parts.value }, sealed[which])
          secret.forget()
        }
        return [reads, again]
      })
    } catch (error) {
      overwrite([...sealed, ...fetched])
      throw error
    }
  }

  #sent(
    { sending, suits }: Pick<Placed, "sending" | "suits">,
    terms: SendTerms,
    now: Date,
  ): AuditEvent {
    const { name, record, vault, group, key, judge } = this.#parts
    const actor = admit(vault, name.group, group, key, now)
    if (actor.role === "owner") throw neverByOwner(actor.name)
    refuseVariable(name, record)
    const { use = [], version } = record
    const rule = requireRule(name.full, use, sending, suits)
    const session = terms.audit
    const asked = { agent: actor.name, door: "broker", name, record, session, now } as const
    const question = questionOf({ ...asked, request: requestOf(sending) })
    const ask = requireAsk(rule, judge?.decide(question), question)
    if (ask !== "never" && !terms.isAgreed(name.full, ask)) {
      throw new VaultError("ASK_REFUSED", `nobody agreed that ${name.full} is sent there`, {
        hint: "a person agrees when they are asked; send the request again",
      })
    }
    const { host, port, method, at: place } = sending
    return {
      at: utc(now),
      actor,
      door: "broker",
      vault: vault.id,
      event: "request",
      host,
      port,
      method,
      path: patternOf(rule, sending.path),
      place,
      scheme: rule.scheme,
      decision: "allowed",
      secrets: [{ name: name.full, version }],
      rule: `${name.full}#${use.indexOf(rule) + 1}`,
      request: terms.request,
    }
  }

  #copy(): SecretRead {
    const { name, record, value } = this.#parts
    return { name, record, value: Uint8Array.from(value) }
  }

  get #reader() {
    const { key, vault } = this.#parts
    return { key, owners: vault.owners }
  }

  #admit(terms: Terms, now: Date): Actor {
    const { name, vault, group, key } = this.#parts
    try {
      const actor = admit(vault, name.group, group, key, now)
      requireTerms(this.#parts, terms, actor, now)
      return actor
    } catch (error) {
      noteRefusal(error, vault, { key, name, terms, now })
      throw error
    }
  }

  #event(actor: Actor, door: Surface, now: Date): ReadEvent {
    const { name, record, vault } = this.#parts
    const { full: secret } = name
    return { at: utc(now), actor, door, vault: vault.id, secret, version: record.version }
  }
}

/**
 * Opens a secret: owners were verified when `vault` was opened; here the group's and the secret's
 * records are, then access, freshness, fingerprint and digest, and only then is anything decrypted,
 * in memory. `groupKeys` opens a group once for many secrets; for a read on some `terms`, a refusal is
 * noted. Throws the codes of exit 3, 4 and 5, and `SEALED_TO_OLD_KEY`.
 */
export async function openSecret(
  vault: Vault,
  asked: AskedRead,
  groupKeys: GroupKeys = new Map(),
): Promise<OpenedSecret> {
  const { key, name } = asked
  const judge = await policyOf(vault)
  const secret = getSecret(vault, name)
  const group = getGroup(vault, name.group)
  // Also what refuses this reader was seen: it must not be set back to what let them in.
  remember(vault, group)
  remember(vault, secret)
  admitted(vault, group, asked)
  refuseOldKey(name, secret, group)
  const sealed = readSigned(vault, secretPath(name), secret.digest)
  const unlock = await openGroupOnce(vault, name.group, group, key, groupKeys)
  const value = await inFile(secretPath(name), unlock(sealed))
  return new OpenedSecret({ vault, key, name, group, record: secret, value, judge })
}

/** Opens one secret and hands it out. Throws as {@link openSecret} and the hand-out do. */
export async function readSecret(
  vault: Vault,
  key: Key,
  name: SecretName,
  terms: Terms,
  now: Date,
): Promise<SecretRead> {
  return handOutOne(await openSecret(vault, { key, name, now, terms }), terms, now)
}

/** Hands out one secret, and forgets it. Throws as the hand-out does. */
export async function handOutOne(
  opened: OpenedSecret,
  terms: Terms,
  now: Date,
): Promise<SecretRead> {
  const [read] = await OpenedSecret.handOut([opened], terms, now)
  opened.forget()
  if (read === undefined) throw new TypeError("one secret, one value")
  return read
}
