import { LIMITS } from "../words/limits.js"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { join } from "node:path"
import { seal, unseal } from "../age/age.js"
import { attributionOf } from "../audit/attribution.js"
import type { Attribution } from "../audit/audit-line.js"
import { auditFolder, auditTo } from "../audit/audit.js"
import { Digests, digestsOf } from "./digests.js"
import { type ErrorCode, VaultError } from "../words/errors.js"
import { readRegularFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { decidingSource } from "../keys/identity.js"
import { type Key, localAgents } from "../keys/key-files.js"
import { groupRecordPath, secretPath, secretRecordPath } from "../words/layout.js"
import { namesIn } from "../vault/listing.js"
import { parseSecretName } from "../words/names.js"
import { claimedId, identityAt } from "../vault/open.js"
import { nobodyToAsk, openVaultAs } from "../library/open-vault.js"
import { type Place, findVaultOrNone } from "../disk/place.js"
import { digestOf } from "../records/record.js"
import { formsOf } from "../redactor/forms.js"
import { isVague } from "../redactor/vague.js"
import { isSettled, stampOf, stampText } from "../disk/stamp.js"

/** A value of the vault that a text contains; offsets in bytes. */
interface OwnValue {
  /** `stripe/api-key` */
  readonly secret: string
  readonly start: number
  readonly end: number
}

/** The values that a key opens, known by digests. */
export interface OwnValues {
  readonly find: (text: Uint8Array) => OwnValue[]
  /** How many secrets are looked for. */
  readonly secrets: number
  /** Secrets that could not be read although the key may open their group, and why. */
  readonly unread: readonly { readonly secret: string; readonly error: VaultError }[]
}

/** One secret, as the state folder remembers it. */
interface RememberedSecret {
  /** The files that its value came from, see stamp.ts; empty if they were too young to tell. */
  readonly stamp: string
  readonly digests: Buffer
}

interface Store {
  readonly digestKey: Buffer
  readonly sealedKey: Buffer
  readonly secrets: ReadonlyMap<string, RememberedSecret>
}

const MAC = 32
/** Why the values of a vault are not looked for. */
export interface NotLooked {
  readonly why: string
}

/** A vault, and the id that it says it has. */
export interface VaultAround {
  readonly root: string
  readonly id: string
}

/** The vault around `folder`; undefined where there is none. */
export function vaultAround(folder: string): VaultAround | undefined {
  const place = findVaultOrNone(folder)
  return place && { root: place.root, id: claimedId(place) }
}

/**
 * The values of the vault around `folder`, for every agent whose key asks nothing: the one that
 * the environment names, else all on this machine. Never uses the owner's key. Undefined without a
 * vault. Throws the codes of exit 5 for a vault that was tampered with, and those of a named key
 * that does not serve.
 */
export async function ownValuesAt(
  folder: string,
  env: Environment,
): Promise<OwnValues | NotLooked | undefined> {
  const place = findVaultOrNone(folder)
  return place && valuesFor(place, await keysAtHand(place, env), env)
}

/** The values that these keys open. */
export async function valuesFor(
  place: Place,
  keys: readonly Key[],
  env: Environment,
): Promise<OwnValues | NotLooked> {
  if (keys.length === 0) return { why: "no agent's key is on this machine" }
  try {
    const all = together(await Promise.all(keys.map((key) => ownValues(place, key, env))))
    const isNothing = all.secrets === 0 && all.unread.length === 0
    const hasSome = isNothing && namesIn(place).secrets.length > 0
    return hasSome ? { why: "no agent whose key is here may read one that is long enough" } : all
  } catch (error) {
    // A person has to say first whom to trust. Until then nobody can read anything.
    if (VaultError.is(error, "UNTRUSTED")) return { why: error.message }
    throw error
  }
}

async function keysAtHand(place: Place, env: Environment): Promise<Key[]> {
  const choose = (agent?: string): Promise<Key> =>
    identityAt(place, { agent }, "never", env, nobodyToAsk)
  if (decidingSource({}, env) !== undefined) return [await choose()]
  return Promise.all(localAgents(claimedId(place), env).map((agent) => choose(agent)))
}

function together(all: readonly OwnValues[]): OwnValues {
  return {
    find: (text) => all.flatMap(({ find }) => find(text)),
    secrets: all.reduce((sum, { secrets }) => sum + secrets, 0),
    unread: all.flatMap(({ unread }) => unread),
  }
}

/**
 * The values that a key may open in the vault at `place`, ready to be looked for, whole and in all
 * forms that the redactor knows. Only digests are kept between runs, under a key that is sealed to
 * the identity; a value that changed since is read anew. `by` is whom the audit names for that.
 * Throws as opening the vault does.
 */
export async function ownValues(
  place: Place,
  key: Key,
  env: Environment,
  by: Partial<Attribution> = {},
): Promise<OwnValues> {
  const id = claimedId(place)
  const file = join(stateHome(env), id, "guard", `${fileNameOf(key)}.digests`)
  const before = (await load(file, key)) ?? (await newStore(key))
  const stamps = new Map(namesIn(place).secrets.map((name) => [name, stampOfSecret(place, name)]))
  const isKnown = (name: string, stamp: string): boolean =>
    stamp !== "" && before.secrets.get(name)?.stamp === stamp
  const changed = [...stamps].filter(([name, stamp]) => !isKnown(name, stamp))
  if (changed.length === 0 && stamps.size === before.secrets.size) return finder(before, [])

  const names = changed.map(([name]) => name)
  const { values, unread } =
    names.length === 0 ? NOTHING : await readAll({ place, key, env, by }, names)
  const secrets = new Map<string, RememberedSecret>()
  for (const [name, stamp] of stamps) {
    const known = before.secrets.get(name)
    const fresh = values.get(name)
    const forms = fresh === undefined || isVague(fresh) ? [] : formsOf(fresh)
    const digests = digestsOf(forms, before.digestKey)
    // Of a secret that cannot be read now, the value that it had last is looked for.
    const isOld = isKnown(name, stamp) || unread.some(({ secret }) => secret === name)
    if (!isOld) secrets.set(name, { stamp, digests })
    else if (known !== undefined) secrets.set(name, known)
  }
  const store = { ...before, secrets }
  save(file, store)
  return finder(store, unread)
}

function finder({ digestKey, secrets }: Store, unread: OwnValues["unread"]): OwnValues {
  const names = [...secrets.keys()]
  const digests = new Digests(
    [...secrets.values()].map((remembered) => remembered.digests),
    digestKey,
  )
  return {
    unread,
    secrets: [...secrets.values()].filter((remembered) => remembered.digests.length > 0).length,
    find: (text) =>
      digests.find(text).map(({ secret, start, end }) => ({
        secret: names[secret] ?? "",
        start,
        end,
      })),
  }
}

/** What keeps this machine from reading, whatever a secret's files hold. */
const OURS: ReadonlySet<ErrorCode> = new Set(["NO_ACCESS", "AUDIT_UNWRITABLE"])

const NOTHING = { values: new Map<string, Uint8Array>(), unread: [] }

/** Whose values are looked for, and for whom. */
interface Searcher {
  readonly place: Place
  readonly key: Key
  readonly env: Environment
  readonly by: Partial<Attribution>
}

/** The values that this key may read; those that nobody granted it are left out. */
async function readAll({ place, key, env, by }: Searcher, names: readonly string[]) {
  const attribution = { ...attributionOf(env), ...by }
  const audit = auditTo({ folder: auditFolder(claimedId(place), env) }, attribution)
  await using vault = await openVaultAs({ place, key, env, outlet: { surface: "guard" }, audit })
  const open = new Set((await vault.access()).groups.map(({ group }) => group))
  const inStores = (await vault.list()).filter(({ source }) => source !== undefined)
  const elsewhere = new Set(inStores.map(({ name }) => name))
  // No store is asked at each commit.
  const readable = names.filter(
    (name) => open.has(parseSecretName(name).group) && !elsewhere.has(name),
  )
  const values = new Map<string, Uint8Array>()
  const unread: { secret: string; error: VaultError }[] = []
  try {
    // All from one state, each group unlocked once.
    for (const value of Object.values(await vault.getMany(readable))) {
      values.set(value.name, value.bytes())
    }
  } catch {
    for (const name of readable) {
      try {
        values.set(name, (await vault.get(name)).bytes())
      } catch (error) {
        // What is wrong with a secret is in the files that others wrote; what is wrong here is ours.
        if (!(error instanceof VaultError) || OURS.has(error.code)) throw error
        unread.push({ secret: name, error })
      }
    }
  }
  return { values, unread }
}

function fileNameOf({ recipient }: Key): string {
  return digestOf(Buffer.from(recipient)).slice("sha256:".length, "sha256:".length + 32)
}

/** Everything that decides what a value is, and who reads it. */
function stampOfSecret({ root }: Place, name: string): string {
  const secret = parseSecretName(name)
  const files = [secretRecordPath(secret), secretPath(secret), groupRecordPath(secret.group)]
  const now = Date.now()
  const stamps = files.map((path) => stampOf(join(root, path)))
  return stamps.every((stamp) => isSettled(stamp, now)) ? stamps.map(stampText).join(";") : ""
}

async function newStore({ recipient }: Key): Promise<Store> {
  const digestKey = randomBytes(32)
  const sealedKey = Buffer.from(await seal(digestKey, [recipient]))
  return { digestKey, sealedKey, secrets: new Map() }
}

/** One line of JSON, the digests, and an HMAC over both; anything else is as if it was not there. */
async function load(file: string, { identity }: Key): Promise<Store | undefined> {
  const bytes = Buffer.from(inHome("state", () => readRegularFile(file, LIMITS.ownValues)) ?? [])
  const end = bytes.indexOf("\n")
  if (end === -1) return undefined
  try {
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Head
    const sealedKey = Buffer.from(head.sealedKey, "base64")
    const digestKey = Buffer.from(await unseal(sealedKey, [identity]))
    const [content, mac] = [bytes.subarray(0, -MAC), bytes.subarray(-MAC)]
    if (!timingSafeEqual(macOf(content, digestKey), mac)) return undefined
    const secrets = new Map<string, RememberedSecret>()
    let at = end + 1
    for (const [name, stamp, length] of head.secrets) {
      secrets.set(name, { stamp, digests: content.subarray(at, at + length) })
      at += length
    }
    return { digestKey, sealedKey, secrets }
  } catch {
    return undefined
  }
}

interface Head {
  /** The key of the digests, an age file sealed to the identity, in base64. */
  readonly sealedKey: string
  /** Name, stamp, and how many bytes of digests; they follow in this order. */
  readonly secrets: readonly (readonly [name: string, stamp: string, length: number])[]
}

function save(file: string, { digestKey, sealedKey, secrets }: Store): void {
  const head: Head = {
    sealedKey: sealedKey.toString("base64"),
    secrets: [...secrets].map(([name, { stamp, digests }]) => [name, stamp, digests.length]),
  }
  const digests = [...secrets.values()].map((remembered) => remembered.digests)
  const content = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...digests])
  const bytes = Buffer.concat([content, macOf(content, digestKey)])
  inHome("state", () => replaceFile(file, bytes, 0o600))
}

function macOf(content: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update("file").update(content).digest()
}
