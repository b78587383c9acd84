import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import type { AuditEvent } from "../audit/audit.js"
import { Evidence, gather } from "../disk/evidence.js"
import type { Moment } from "../disk/moment.js"
import type { Actor } from "../policy/access.js"
import type { PolicyJudge } from "../policy/policy-question.js"
import { requestOf } from "../policy/require-policy.js"
import type { Sending } from "../policy/sending.js"
import type { SecretRecord } from "../records/record.js"
import type { Use } from "../records/use.js"
import type { SecretRead } from "../vault/read.js"
import { admitReader } from "../vault/refusals.js"
import { policyOf, questionOf } from "../vault/policy-of.js"
import {
  type SendTerms,
  type Suits,
  refuseVariable,
  requireAsk,
  requireRule,
} from "../vault/send-terms.js"
import { describeAccess } from "../vault/listing.js"
import { getSecret, listSecrets } from "../vault/vault.js"
import { type ErrorCode, VaultError } from "../words/errors.js"
import { secretRecordPath } from "../words/layout.js"
import type { SecretName } from "../words/names.js"
import { asVaultError } from "../words/system-error.js"
import { utc } from "../words/time.js"
import { openVaultAs } from "./open-vault.js"
import { Reader, type ReaderRequest, type SecretSending } from "./reader.js"

/** What the broker notes of a request, besides who acts, where and when. */
export type BrokerFacts = Omit<AuditEvent, "at" | "door" | "vault" | "actor">

/** The rules of a secret now; none, and why, if the agent may not read it now. */
export interface BoundSecret {
  readonly uses: readonly Use[]
  readonly refusal?: VaultError
  /** Where there is a policy: how often a person is asked about a sending. Throws as {@link askOf}. */
  readonly askFor?: (rule: Use, sending: Sending) => Use["ask"]
}

/** The secrets of a run by their names, each with its rules, as the vault was at one time. */
export type BoundSecrets = ReadonlyMap<string, BoundSecret>

/**
 * The rule by which a secret may be sent there, among those that suit. Throws `NOT_GRANTED`,
 * `GRANT_ENDED`, `USE_REFUSED`, and the codes of exit 5.
 */
export function ruleOf(bound: BoundSecrets, secret: string, sending: Sending, suits?: Suits): Use {
  const found = bound.get(secret)
  if (found === undefined) throw new TypeError("a secret of another run")
  if (found.refusal !== undefined) throw found.refusal
  return requireRule(secret, found.uses, sending, suits)
}

/**
 * How often a person is asked before a secret is sent there by a rule: as the rule says, and the
 * vault's policy. Throws `POLICY_REFUSED`.
 */
export function askOf(
  bound: BoundSecrets,
  secret: string,
  rule: Use,
  sending: Sending,
): Use["ask"] {
  return bound.get(secret)?.askFor?.(rule, sending) ?? rule.ask
}

/** What the agent may read and was not told before, as far as it was read. */
interface Unseen<Read = SecretRead> {
  readonly reads: readonly Read[]
  /** Names of secrets that were not read: they are damaged, or there was no room for more. */
  readonly unread: readonly string[]
}

const NOTHING: Unseen = { reads: [], unread: [] }

/** A value for a request, or to be found in what passes. */
export type ServedValue = Pick<SecretRead, "name" | "value" | "keys">
/** What the broker asks of what it serves: a {@link BrokeredVault}, or a secret to try a client with. */
export interface ServedVault extends Pick<BrokeredVault, "names" | "bound" | "note" | "close"> {
  send(...request: Parameters<BrokeredVault["send"]>): Promise<readonly ServedValue[]>
  values(): Promise<readonly ServedValue[]>
  unseen(now?: Moment): Promise<Unseen<ServedValue>>
}
/** Values that are read besides, in bytes: all of them are searched for at each request. */
const BESIDES_BYTES = 4 * 2 ** 20
/** And so many of them at once, one line of the audit: a program may wait for its turn by now. */
const PORTION = 100
/** What keeps this machine from reading, whatever a secret's files hold. */
const OURS: ReadonlySet<ErrorCode> = new Set(["NO_ACCESS", "AUDIT_UNWRITABLE"])
/** What the rules of the secrets were decided upon. */
interface KnownRules {
  readonly bound: BoundSecrets
  readonly evidence: Evidence
}

/**
 * A vault, opened by an agent for the broker: the secrets of one run, which are put into requests.
 * Everything is asked anew for each request, from memory as long as every file that decides is the
 * very same: a revoke, a changed rule and a new value count from the next request on.
 */
export class BrokeredVault {
  /** The vault's id, 32 hex digits. */
  readonly id: string
  readonly names: readonly SecretName[]
  readonly #request: ReaderRequest
  readonly #actor: Actor
  readonly #reader: Reader
  readonly #ofRun: ReadonlySet<string>
  #known: KnownRules | undefined
  /** What the list of what may be read was decided upon. */
  #listed: Evidence | undefined
  /** What was told of which record, and the bytes of its value. */
  readonly #seen = new Map<string, { readonly record: Evidence; readonly size: number }>()

  /** Made by {@link openBrokered}. */
  constructor(id: string, agent: string, request: ReaderRequest, names: readonly SecretName[]) {
    this.id = id
    this.names = names
    this.#ofRun = new Set(names.map(({ full }) => full))
    this.#request = request
    this.#actor = { role: "agent", name: agent }
    this.#reader = new Reader(request, id)
  }

  /** The rules of each secret of the run, by its name; nothing is decrypted. Throws codes of exit 5. */
  async bound(now?: Moment): Promise<BoundSecrets> {
    if (this.#known?.evidence.holds(now) === true) return this.#known.bound
    const evidence = new Evidence()
    const bound = await gather(evidence, () => this.#decide())
    this.#known = evidence.isSettled() ? { bound, evidence } : undefined
    return bound
  }

  /**
   * The values for one request, once every line is durable in the audit. Throws as {@link ruleOf}
   * and {@link askOf} do, and `ASK_REFUSED`, `OWNER_KEY_UNASKED`, `AUDIT_UNWRITABLE`.
   */
  send(
    sendings: readonly SecretSending[],
    terms: Omit<SendTerms, "audit">,
    now?: Moment,
  ): Promise<SecretRead[]> {
    return this.#reader.send(sendings, { ...terms, audit: this.#request.audit }, now)
  }

  /** Notes what happened besides. Throws `AUDIT_UNWRITABLE`. */
  note(facts: BrokerFacts): void {
    const { audit } = this.#request
    const at = utc(new Date())
    audit.note([{ ...facts, at, door: "broker", vault: this.id, actor: this.#actor }])
  }

  /** What is sealed now, to find it in what passes; nothing else may be done with it. */
  values(): Promise<SecretRead[]> {
    return this.#reader.read(this.names)
  }

  /**
   * What this agent may read now and was not told before, only to be found in what passes; of what is
   * not of the run up to 4 MiB. Throws `AUDIT_UNWRITABLE`, and what opening the vault throws.
   */
  async unseen(now?: Moment): Promise<Unseen> {
    if (this.#listed?.holds(now) === true) return NOTHING
    const evidence = new Evidence()
    const names = await gather(evidence, () => this.#readable())
    const changed = names.filter(({ full }) => this.#seen.get(full)?.record.holds() !== true)
    const isOfRun = ({ full }: SecretName): boolean => this.#ofRun.has(full)
    const besides = changed.filter((name) => !isOfRun(name))
    // What is read together is remembered together: what a request needs, by itself.
    const portions = [await this.#look(changed.filter(isOfRun))]
    for (let at = 0; at < besides.length; at += PORTION) {
      if (at > 0) await setImmediate()
      portions.push(await this.#look(besides.slice(at, at + PORTION)))
    }
    const reads = portions.flat()
    this.#listed = evidence.isSettled() ? evidence : undefined
    const here = new Set(reads.map(({ name }) => name.full))
    return { reads, unread: changed.map(({ full }) => full).filter((name) => !here.has(name)) }
  }

  #readable(): Promise<readonly SecretName[]> {
    const { key } = this.#request
    return this.#reader.with((vault) => {
      const open = new Set(describeAccess(vault, key, new Date()).groups.map(({ group }) => group))
      return listSecrets(vault).filter(({ group }) => open.has(group))
    })
  }

  /**
   * Reads a portion, and remembers what its records were before. For the secrets of the run there is
   * always room.
   */
  async #look(portion: readonly SecretName[]): Promise<readonly SecretRead[]> {
    const besides = [...this.#seen].filter(([name]) => !this.#ofRun.has(name))
    const used = besides.reduce((sum, [, { size }]) => sum + size, 0)
    const names = portion.filter(({ full }) => used < BESIDES_BYTES || this.#ofRun.has(full))
    const records = new Map(names.map((name) => [name.full, this.#recordOf(name)]))
    const reads = names.length === 0 ? [] : await this.#readWhatCanBe(names)
    for (const { name, value } of reads) {
      const record = records.get(name.full)
      // A record so young may change without its stamp telling: it is read again.
      if (record?.isSettled() === true) this.#seen.set(name.full, { record, size: value.length })
    }
    return reads
  }

  #recordOf(name: SecretName): Evidence {
    const evidence = new Evidence()
    evidence.add(join(this.#request.place.root, secretRecordPath(name)), "self")
    return evidence
  }

  /** One that is damaged keeps nobody from the others. */
  async #readWhatCanBe(names: readonly SecretName[]): Promise<SecretRead[]> {
    try {
      const ofRun = names.every(({ full }) => this.#ofRun.has(full))
      const reads = await this.#reader.read(names, undefined, !ofRun)
      // No store is asked for what this run does not use.
      return ofRun ? reads : reads.filter(({ record }) => record.source === undefined)
    } catch (error) {
      const failed = asVaultError(error)
      if (OURS.has(failed.code)) throw failed
      if (names.length === 1) return []
      const each: SecretRead[][] = []
      for (const name of names) each.push(await this.#readWhatCanBe([name]))
      return each.flat()
    }
  }

  #decide(): Promise<BoundSecrets> {
    const { key } = this.#request
    return this.#reader.with(async (vault) => {
      const now = new Date()
      const judge = await policyOf(vault)
      const all = this.names.map((name): [string, BoundSecret] => {
        try {
          admitReader(vault, { key, name, now })
          const record = getSecret(vault, name)
          refuseVariable(name, record)
          const asked = judge && { askFor: this.#askFor(judge, name, record) }
          return [name.full, { uses: record.use ?? [], ...asked }]
        } catch (error) {
          return [name.full, { uses: [], refusal: asVaultError(error) }]
        }
      })
      return new Map(all)
    })
  }

  #askFor(
    judge: PolicyJudge,
    name: SecretName,
    record: Pick<SecretRecord, "reveal">,
  ): NonNullable<BoundSecret["askFor"]> {
    const agent = this.#actor.name
    const { audit: session } = this.#request
    return (rule, sending) => {
      const request = requestOf(sending)
      const now = new Date()
      const question = questionOf({ agent, door: "broker", name, record, request, session, now })
      return requireAsk(rule, judge.decide(question), question)
    }
  }

  /** Ends the leases that were taken, with a line in the audit for each, once no request comes. */
  async endLeases(): Promise<void> {
    await this.#reader.endLeases()
    this.#request.audit.close()
  }

  /** Overwrites what is kept in memory, and syncs the audit. */
  close(): void {
    this.#reader.end()
    this.#request.audit.close()
  }
}

/**
 * Opens a vault for the broker. `names` are the secrets of the run. Throws `OWNER_KEY_UNASKED` for an
 * owner's key, and as `openVault()` does.
 */
export async function openBrokered(
  request: Omit<ReaderRequest, "outlet">,
  names: readonly SecretName[],
): Promise<BrokeredVault> {
  const whole = { ...request, outlet: { surface: "broker" } } as const
  const vault = await openVaultAs({ ...whole, agentsOnly: true })
  const agent = vault.agent ?? (await vault.access()).agent
  if (agent === undefined) throw stranger()
  return new BrokeredVault(vault.id, agent, whole, names)
}

function stranger(): VaultError {
  return new VaultError("NOT_GRANTED", "this key is not that of an agent of this vault", {
    hint: "use an agent's present key; an owner makes one: agent-vault agent add NAME",
  })
}
