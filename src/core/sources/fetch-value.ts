import type { Environment } from "../disk/homes.js"
import type { Place } from "../disk/place.js"
import type { Source } from "../records/source.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import type { SecretName } from "../words/names.js"
import { isReferenceAgreed, referenceFingerprint } from "./agreed-references.js"
import { partsOf, storeOf } from "./reference.js"
import { runStore } from "./run-store.js"
import { StoreFailure } from "./store-failure.js"

/** A value that a store gives, for which value of its secret, and when it was asked, in ms. */
interface KeptValue extends Pick<SealedReference, "version" | "changed"> {
  readonly value: Promise<Uint8Array>
  readonly asked: number
  isHere: boolean
}

/** A value of a store, the caller's own copy, and whether it was waited for. */
interface ResolvedValue {
  readonly value: Uint8Array
  readonly isAwaited: boolean
}

/** Where references are resolved, and the values that are kept in memory there. */
export interface SourcePlace {
  readonly place: Place
  readonly env: Environment
  /** By secret and reference. */
  readonly kept: Map<string, KeptValue>
  /** When nobody waits for values any more. */
  readonly ending?: Pick<AbortController, "signal"> | undefined
}

/** What is resolved. */
interface SealedReference {
  readonly vault: string
  readonly name: SecretName
  readonly version: number
  /** When it got this version: a secret that is made anew begins with version 1 again. */
  readonly changed: string
  readonly source: Source
  readonly reference: string
}

/**
 * The value that a reference names, from the store, or from memory for as long as the record says, and
 * no longer than its version is the present one: an owner who sets the same reference again says that
 * the value is another one there. A store is asked for nothing that nobody on this machine agreed to,
 * nor does what it gave leave then. Rejects with `SOURCE_UNAGREED`, `SOURCE_FAILED`.
 */
export async function resolveReference(
  sealed: SealedReference,
  at: SourcePlace,
  now: Date,
): Promise<ResolvedValue> {
  const { name, version, changed, reference, source } = sealed
  const fingerprint = referenceFingerprint(name, reference)
  requireAgreed(sealed, fingerprint, at)
  const known = at.kept.get(fingerprint)
  const isPresent = known?.version === version && known.changed === changed
  if (isPresent && isYoung(known, source, now)) {
    const isAwaited = !known.isHere
    return { value: Uint8Array.from(await known.value), isAwaited }
  }
  at.kept.delete(fingerprint)
  known?.value.then((value) => value.fill(0)).catch(() => {})
  const value = ask(sealed, at)
  if (source.keep === 0) return { value: await value, isAwaited: true }
  const entry: KeptValue = { value, version, changed, asked: now.getTime(), isHere: false }
  at.kept.set(fingerprint, entry)
  value.catch(() => at.kept.get(fingerprint) === entry && at.kept.delete(fingerprint))
  const own = Uint8Array.from(await value)
  entry.isHere = true
  return { value: own, isAwaited: true }
}

function isYoung({ asked }: KeptValue, { keep }: Source, now: Date): boolean {
  const age = now.getTime() - asked
  return age >= 0 && age < keep * 1000
}

async function ask(sealed: SealedReference, at: SourcePlace): Promise<Uint8Array> {
  const { name, source, reference } = sealed
  const { place, env, ending } = at
  const store = storeOf(source.store)
  const parts = partsOf(source.store, reference)
  const failed = (why: string, mend = store.mend): VaultError =>
    new VaultError("SOURCE_FAILED", `${name.full} has no value from ${source.store}: ${why}`, {
      hint: `${mend}; see where it points: agent-vault get ${name.full} --reference`,
    })
  if (parts === undefined) throw failed("its reference is not one of that store")
  const run = (program: string, args: readonly string[]): Promise<Buffer> =>
    runStore(place, env, program, args, { ended: ending?.signal })
  let value: Uint8Array | undefined
  try {
    value = await store.read(parts, { env, run })
  } catch (error) {
    if (error instanceof StoreFailure) throw failed(error.message, error.mend)
    throw error
  }
  // It may have taken a minute.
  requireAgreed(sealed, referenceFingerprint(name, reference), at)
  if (value === undefined) throw failed("there is nothing of that name")
  if (value.length === 0) throw failed("what is there is empty")
  if (value.length > LIMITS.value) throw failed("what is there is larger than a secret may be")
  return value
}

/** The refusal of whoever has no use for a value that is not in the vault. */
export function elsewhere({ full }: SecretName, { store }: Source): VaultError {
  return new VaultError(
    "SOURCE_FAILED",
    `the value of ${full} lies in ${store}, not in the vault`,
    {
      hint: `see where it points: agent-vault get ${full} --reference`,
    },
  )
}

function requireAgreed(
  { vault, name: { full } }: SealedReference,
  fingerprint: string,
  { env }: SourcePlace,
): void {
  if (isReferenceAgreed(vault, fingerprint, env)) return
  throw new VaultError(
    "SOURCE_UNAGREED",
    `nobody on this machine agreed to where the value of ${full} comes from`,
    {
      hint: `look at it: agent-vault get ${full} --reference; then: agent-vault get ${full} --agree ${fingerprint}`,
    },
  )
}
