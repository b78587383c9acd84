import type { Lease } from "../records/lease.js"
import { isWider } from "../policy/sending.js"
import type { SecretRecord, Unsigned } from "../records/record.js"
import { type Use, type WrittenUse, isSameUse, parseUse } from "../records/use.js"
import { getGroup, getSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { type SecretName, parseSecretName } from "../words/names.js"
import { type ChangeRequest, type Outcome, change } from "./change.js"
import { type GroupReader, readersOfGroup } from "../vault/group-readers.js"
import { type Session, following, putRecord } from "./session.js"

export interface UseRequest extends ChangeRequest {
  /** `GROUP/NAME` */
  readonly name: string
  readonly edit: UseEdit
}

/** What becomes of a secret's rules. */
export type UseEdit =
  | { readonly do: "add"; readonly rules: readonly WrittenUse[] }
  /** One of them, counted from 1, or those of a service; without either, all. */
  | { readonly do: "remove"; readonly number?: number; readonly service?: string }

/** What became of a secret's rules. */
export interface UseChange {
  readonly name: string
  readonly added: readonly Use[]
  readonly removed: readonly Use[]
  /** All that it has now, in the order in which they are looked at. */
  readonly use: readonly Use[]
  /** The agents that may use it where its rules say. */
  readonly readers: readonly GroupReader[]
}

/**
 * Changes where the broker may send a secret. A rule that is there already changes nothing. Throws
 * `SECRET_NOT_FOUND`, `USAGE`, and `UNCONFIRMED` for a rule that lets it go further.
 */
export function changeUse(request: UseRequest): Promise<Outcome<UseChange>> {
  const name = parseSecretName(request.name)
  const { edit } = request
  const added = edit.do === "add" ? edit.rules.map(parseUse) : []
  return change(request, (session) => {
    const record = getSecret(session.vault, name)
    const before = record.use ?? []
    const use =
      edit.do === "add" ? withRules(name, before, added, record.lease) : without(name, before, edit)
    const isSame = use.length === before.length
    if (!isSame) putUse(session, name, record, use)
    const result: UseChange = {
      name: name.full,
      added: use.filter((rule) => !holds(before, rule)),
      removed: before.filter((rule) => !holds(use, rule)),
      use,
      readers: readersOfGroup(getGroup(session.vault, name.group)),
    }
    return Promise.resolve({ result, message: `use ${name.full}` })
  })
}

/**
 * The rules and those that are new among others. Throws `USAGE` where they become too many, and for
 * one that signs in nobody's name: only what AWS STS gives says itself whose key it is.
 */
export function withRules(
  name: SecretName,
  before: readonly Use[],
  rules: readonly Use[],
  lease: Lease | undefined,
): readonly Use[] {
  const use = [...before]
  for (const rule of rules) {
    if (holds(use, rule)) continue
    const isNobodys = rule.scheme === "sigv4" && rule.user === undefined
    if (isNobodys && lease?.kind !== "aws-sts") throw nobodys(name)
    use.push(rule)
  }
  if (use.length <= LIMITS.uses) return use
  throw new VaultError("USAGE", `${name.full} would have ${use.length} rules`, {
    hint: `a secret has at most ${LIMITS.uses}; see them: agent-vault use ${name.full} --list`,
  })
}

function nobodys({ full }: SecretName): VaultError {
  return new VaultError("USAGE", `the rule does not say whose key ${full} is`, {
    hint: "--user with the access key's id; a lease of aws-sts needs none",
  })
}

/** Refuses a rule that lets a secret go further, unless a person stands behind it. */
export function requirePersonToWiden(
  session: Session,
  name: SecretName,
  before: readonly Use[],
  after: readonly Use[],
): void {
  if (isWider(after, before)) session.requirePerson(`let ${name.full} be sent where it is not yet`)
}

function putUse(
  session: Session,
  name: SecretName,
  record: SecretRecord,
  use: readonly Use[],
): void {
  requirePersonToWiden(session, name, record.use ?? [], use)
  const { use: _use, ...body } = following(record)
  putRecord<SecretRecord>(session, {
    ...body,
    ...(use.length === 0 ? {} : { use }),
  } satisfies Unsigned<SecretRecord>)
}

function without(
  { full }: SecretName,
  before: readonly Use[],
  { number, service }: Extract<UseEdit, { do: "remove" }>,
): readonly Use[] {
  const isOne = (use: Use, index: number): boolean =>
    (number === undefined || index === number - 1) &&
    (service === undefined || use.service === service)
  const left = before.filter((use, index) => !isOne(use, index))
  if (left.length < before.length) return left
  const which =
    number === undefined ? (service === undefined ? "" : ` of ${service}`) : ` ${number}`
  throw new VaultError("USAGE", `${full} has no rule${which}`, {
    hint: `see its rules: agent-vault use ${full} --list`,
  })
}

function holds(rules: readonly Use[], rule: Use): boolean {
  return rules.some((each) => isSameUse(each, rule))
}
