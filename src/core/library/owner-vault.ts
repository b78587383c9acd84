import { AgentVault } from "./agent-vault.js"
import { type Enrolled, type Rekeyed, addAgent, rekeyAgent, removeAgent } from "../change/agents.js"
import type { Applied } from "../change/execute-plan.js"
import { apply } from "../govern/apply.js"
import { type UseChange, changeUse } from "../change/change-use.js"
import type { ChangeRequest } from "../change/change.js"
import { type ChangeOptions, type Changed, type LeaseOptions, changed, leaseIn } from "./changed.js"
import { type MetadataChange, changeMetadata } from "../change/change-metadata.js"
import {
  type AddedGroup,
  type RekeyedGroup,
  type RemovedGroup,
  addGroup,
  removeGroup,
  renewGroupKey,
} from "../change/groups.js"
import { type MovedSecret, moveSecret } from "../change/move-secret.js"
import { type Removal, removeSecrets } from "../change/remove-secrets.js"
import { recoverAgent } from "../vault/escrow.js"
import { type GivenSecret, bytesGiven, endGiven, metadataGiven } from "./given.js"
import { grant, revoke } from "../change/grant.js"
import type { Identity } from "../keys/identity.js"
import { type Inspection, inspect } from "../check/inspect.js"
import { withVault } from "../vault/open.js"
import { type NewAgent, keyFileOf } from "./new-agent.js"
import type { ReaderRequest } from "./reader.js"
import type { SecretValue } from "../words/secret-value.js"
import type { SecretMetadata } from "../records/secret-metadata.js"
import type { WrittenUse } from "../records/use.js"
import { parseSource } from "../sources/reference.js"
import type { Progress } from "../words/progress.js"
import { type SetManyResult, type SetResult, setSecret, setSecrets } from "../change/set.js"
import type { Vault } from "../vault/vault.js"

/** The vault of an owner, and their key. */
interface OwnerRequest extends ReaderRequest {
  readonly key: Identity
  readonly onProgress?: Progress | undefined
}

/**
 * A vault, opened by an owner: it reads as an {@link AgentVault} does, and changes. Each change is
 * one commit on the branch that is checked out: all of it happens, or nothing. Every change may
 * throw `NOT_OWNER`, `PENDING`, `VAULT_DIRTY`, `REPOSITORY_STATE`, `LOCKED`, `BUSY`, `GIT_FAILED`,
 * `CLOSED` and the codes of exit 5.
 */
export class OwnerVault extends AgentVault {
  readonly #request: OwnerRequest

  /** Made by `openOwnerVault()`. */
  constructor(id: string, request: OwnerRequest) {
    super(id, request)
    this.#request = request
  }

  /**
   * Stores a value: text is stored as UTF-8. What `metadata` names replaces what the record says,
   * the rest stays; the same value again changes nothing. `lease` says that readers get a short-lived
   * value in exchange, `"none"` that they get what is sealed. `expires` may be a date or a span,
   * `2027-01-31` or `90d`. Throws `NAME_INVALID`, `VALUE_TOO_LARGE`,
   * `USAGE` for a lease that is none, or a value that it cannot be taken with, and `AGENT_NOT_FOUND`.
   *
   * @example
   * await vault.set("db/password", randomBytes(24).toString("base64url"), { description: "main db" })
   */
  async set(
    name: string,
    value: string | Uint8Array,
    metadata: SecretMetadata = {},
    options: LeaseOptions = {},
  ): Promise<Changed<SetResult>> {
    const request = this.#change(options)
    const given = {
      value: bytesGiven(name, value),
      metadata: metadataGiven(metadata, request.now),
      lease: leaseIn(options),
    }
    return changed(await setSecret({ ...request, name, ...given }))
  }

  /** Stores many values, as one commit: all or none. Throws as {@link set} does. */
  async setMany(
    secrets: readonly GivenSecret[],
    options: ChangeOptions = {},
  ): Promise<Changed<SetManyResult>> {
    const request = this.#change(options)
    const given = secrets.map(({ value, metadata = {}, ...secret }) => ({
      ...secret,
      value: bytesGiven(secret.name, value),
      metadata: metadataGiven(metadata, request.now),
    }))
    return changed(await setSecrets({ ...request, secrets: given }))
  }

  /**
   * Says that a secret's value lies in another store, by a reference: `op://CI/Stripe/password`. It is
   * sealed as a value is, and the store is asked where the value is read, once a person there agreed.
   * `keep` is for how long a reader may keep it in memory: `5m` if it is left out, a day at most, `0`
   * for never. Throws as {@link set} does, and `USAGE` for what is no reference.
   *
   * @example
   * await vault.setSource("stripe/api-key", "op://CI/Stripe/password", { env: "STRIPE_API_KEY" })
   */
  async setSource(
    name: string,
    reference: string,
    metadata: SecretMetadata = {},
    options: ChangeOptions & { keep?: string } = {},
  ): Promise<Changed<SetResult>> {
    const request = this.#change(options)
    const source = parseSource(reference, options.keep)
    const given = { value: Buffer.from(reference), metadata: metadataGiven(metadata, request.now) }
    return changed(await setSecret({ ...request, name, source, ...given }))
  }

  /**
   * Changes what is known of a secret, and not its value: what `metadata` names replaces what the
   * record says, and what `clear` names is said no longer; `lease` as of {@link set}. Throws
   * `SECRET_NOT_FOUND`, `USAGE`, `AGENT_NOT_FOUND`.
   */
  async setMetadata(
    name: string,
    metadata: SecretMetadata,
    options: LeaseOptions & { clear?: readonly (keyof SecretMetadata)[] } = {},
  ): Promise<Changed<MetadataChange>> {
    const request = this.#change(options)
    const given = { metadata: metadataGiven(metadata, request.now), lease: leaseIn(options) }
    return changed(await changeMetadata({ ...request, name, ...given, cleared: options.clear }))
  }

  /** Makes a group without secrets. Throws `EXISTS`, `NAME_INVALID`. */
  async addGroup(
    group: string,
    options: ChangeOptions & { description?: string } = {},
  ): Promise<Changed<AddedGroup>> {
    const { description } = options
    return changed(await addGroup({ ...this.#change(options), group, description }))
  }

  /**
   * Removes a group, its grants and its keys. Throws `GROUP_NOT_FOUND`, and `USAGE` for one that has
   * secrets, unless they go with it: `withSecrets`.
   */
  async removeGroup(
    group: string,
    options: ChangeOptions & { withSecrets?: boolean } = {},
  ): Promise<Changed<RemovedGroup>> {
    const { withSecrets = false } = options
    return changed(await removeGroup({ ...this.#change(options), group, withSecrets }))
  }

  /** Gives a group a new key, which the same agents open. `exposed` names the values to rotate. */
  async rekeyGroup(group: string, options: ChangeOptions = {}): Promise<Changed<RekeyedGroup>> {
    return changed(await renewGroupKey({ ...this.#change(options), group }))
  }

  /**
   * Removes secrets. Their values stay in Git's history: `removed` names who can still read them.
   * Throws `SECRET_NOT_FOUND`.
   */
  async remove(names: readonly string[], options: ChangeOptions = {}): Promise<Changed<Removal>> {
    return changed(await removeSecrets({ ...this.#change(options), names }))
  }

  /**
   * Gives a secret another name. In another group it is sealed to that group's key, and `losses`
   * names the agents that read it no longer: rotate it. Throws `SECRET_NOT_FOUND`, `EXISTS`.
   */
  async move(from: string, to: string, options: ChangeOptions = {}): Promise<Changed<MovedSecret>> {
    return changed(await moveSecret({ ...this.#change(options), from, to }))
  }

  /**
   * Lets an agent open groups, until a time (`2026-12-01`, or UTC ISO 8601) or for a span (`12h`,
   * `30d`) if one is given. Throws `AGENT_NOT_FOUND`, `GROUP_NOT_FOUND`, `USAGE`.
   */
  async grant(
    agent: string,
    groups: readonly string[],
    options: ChangeOptions & { until?: string; for?: string; reason?: string } = {},
  ): Promise<Changed<Applied>> {
    const request = this.#change(options)
    const until = endGiven(options, request.now)
    return changed(await grant({ ...request, agent, groups, until, reason: options.reason }))
  }

  /** Takes groups from an agent: they get new keys. `exposed` names the values to rotate. */
  async revoke(
    agent: string,
    groups: readonly string[] | "all",
    options: ChangeOptions = {},
  ): Promise<Changed<Applied>> {
    return changed(await revoke({ ...this.#change(options), agent, groups }))
  }

  /**
   * Lets the broker send a secret where a rule says, or as the catalogue has it for a service, by
   * its name. A rule that is there already changes nothing. Throws `SECRET_NOT_FOUND`,
   * `SERVICE_NOT_FOUND`, `USAGE`.
   *
   * @example
   * await vault.use("github/token", "github")
   */
  async use(
    name: string,
    rule: WrittenUse | string,
    options: ChangeOptions = {},
  ): Promise<Changed<UseChange>> {
    const rules = [typeof rule === "string" ? await ruleOf(rule) : rule]
    return changed(await changeUse({ ...this.#change(options), name, edit: { do: "add", rules } }))
  }

  /** Takes rules out: one, counted from 1, those of a service, or all. Throws `USAGE` for none. */
  async removeUse(
    name: string,
    options: ChangeOptions & { number?: number; service?: string } = {},
  ): Promise<Changed<UseChange>> {
    const { number, service } = options
    const which = {
      ...(number !== undefined && { number }),
      ...(service !== undefined && { service }),
    }
    const edit = { do: "remove" as const, ...which }
    return changed(await changeUse({ ...this.#change(options), name, edit }))
  }

  /**
   * Makes the sealed state follow the manifest. With the `plan` id of a dry run it throws
   * `PLAN_CHANGED` if something else would be done by now.
   */
  async apply(options: ChangeOptions & { plan?: string } = {}): Promise<Changed<Applied>> {
    return changed(await apply(this.#change(options), options.plan))
  }

  /**
   * Gives a new agent a key, with a copy in escrow; or enrols the `recipient` of a key made
   * elsewhere, without one. Throws `EXISTS`, `RECIPIENT_INVALID`.
   *
   * @example
   * const { key } = await vault.addAgent("ci")
   * await writeFile("/run/keys/ci.key", key.bytes(), { mode: 0o600, flag: "wx" })
   */
  async addAgent(
    agent: string,
    options: ChangeOptions & { recipient?: string } = {},
  ): Promise<Changed<NewAgent>> {
    const { recipient } = options
    return this.#withKey(changed(await addAgent({ ...this.#change(options), agent, recipient })))
  }

  /** Gives an agent a new key; the old one counts as revoked. Throws `AGENT_NOT_FOUND`. */
  async rekeyAgent(
    agent: string,
    options: ChangeOptions & { recipient?: string } = {},
  ): Promise<Changed<NewAgent & Rekeyed>> {
    const { recipient } = options
    return this.#withKey(changed(await rekeyAgent({ ...this.#change(options), agent, recipient })))
  }

  /** Takes every group from an agent and ends it. Throws `AGENT_NOT_FOUND`. */
  async removeAgent(agent: string, options: ChangeOptions = {}): Promise<Changed<Rekeyed>> {
    return changed(await removeAgent({ ...this.#change(options), agent }))
  }

  /** The text of an agent's original key file, out of its escrow. Throws `NO_ESCROW`. */
  async recoverAgent(agent: string): Promise<SecretValue> {
    this.refuseClosed()
    const { place, key, env, onNote } = this.#request
    const recover = (vault: Vault): ReturnType<typeof recoverAgent> =>
      recoverAgent(vault, agent, key)
    const recovered = await withVault(place, key.trust, env, recover, onNote)
    return keyFileOf(agent, recovered)
  }

  /** Verifies everything in the vault, as `agent-vault check` does. */
  async check(options: { history?: boolean; against?: string } = {}): Promise<Inspection> {
    this.refuseClosed()
    const { place, key, env, onProgress, onNote } = this.#request
    return inspect({ place, key, env, onProgress, onNote, now: new Date(), ...options })
  }

  #change({ dryRun = false }: ChangeOptions): ChangeRequest {
    this.refuseClosed()
    const { place, key, env, onProgress, onNote } = this.#request
    return { place, identity: key, env, onProgress, onNote, now: new Date(), dryRun }
  }

  /** The identity leaves as a value that does not show itself. */
  #withKey<T extends Enrolled>({ identity, ...rest }: T): Omit<T, "identity"> & NewAgent {
    if (identity === undefined) return rest
    const { agent, recipient, vault, signer } = rest
    return { ...rest, key: keyFileOf(agent, { identity, recipient, vault, agent, trust: signer }) }
  }
}

async function ruleOf(service: string): Promise<WrittenUse> {
  const { fillIn, serviceNamed } = await import("../services/services.js")
  return { ...fillIn(serviceNamed(service), {}), service }
}
