import { randomBytes } from "node:crypto"
import { isArmored } from "./age-file.js"
import type { Opening } from "./age-library.js"
import { decodeBech32, encodeBech32 } from "./bech32.js"
import { VaultError, type ErrorCode } from "../words/errors.js"
import { requiring, unsupported } from "../words/system-error.js"
import { openX25519File } from "./x25519-file.js"
import { x25519Identity, x25519PublicKey } from "./x25519.js"

// The age file format (https://c2sp.org/age) is age-encryption's, by way of age-library.ts. Native
// are the wrapping of file keys, and what nearly all do: to seal and open files of the commonest form.

/** Loaded by whom it concerns: most reads do without, and are to start fast. */
function library() {
  return import("./age-library.js")
}

/** The kinds of native age keys: classic, and hybrid post-quantum. They never mix. */
export type KeyKind = "x25519" | "mlkem768x25519"

interface RawKey {
  readonly kind: KeyKind
  readonly bytes: Uint8Array
}

// What a Bech32 key begins with, and how many bytes it holds (age spec, native recipient types).
type KeyForm = readonly [kind: KeyKind, prefix: string, length: number]
const IDENTITY_FORMS: readonly KeyForm[] = [
  ["x25519", "AGE-SECRET-KEY-", 32],
  ["mlkem768x25519", "AGE-SECRET-KEY-PQ-", 32],
]
const RECIPIENT_FORMS: readonly KeyForm[] = [
  ["x25519", "age", 32],
  ["mlkem768x25519", "age1pq", 1216],
]

const FIRST_LINES = "age-encryption.org/v1\n-> scrypt "

/** What is said where no key of those that were given fits. */
const NOT_A_READER = ["NOT_A_READER", "the file is sealed to none of these identities"] as const
const PASSPHRASE_WRONG = ["PASSPHRASE_WRONG", "the passphrase does not open this file"] as const

/**
 * The kind of a native identity, `AGE-SECRET-KEY-1…` or `AGE-SECRET-KEY-PQ-1…`.
 * @throws VaultError KEY_INVALID, which never repeats the identity.
 */
export function kindOfIdentity(identity: string): KeyKind {
  return parseIdentity(identity).kind
}

/**
 * The kind of a native recipient, `age1…` or `age1pq1…`, in canonical lower case.
 * @throws VaultError RECIPIENT_INVALID for anything else: SSH, plugin and tag recipients too.
 */
export function kindOfRecipient(recipient: string): KeyKind {
  return parseRecipient(recipient).kind
}

/** A new identity of this kind, one line without a line end. */
export async function generateIdentity(kind: KeyKind): Promise<string> {
  // Every 32 bytes are a private key of X25519.
  if (kind === "x25519") return identityOf(kind, randomBytes(32))
  return (await library()).generateHybridIdentity()
}

/**
 * The recipient of an identity.
 * @throws VaultError KEY_INVALID
 */
export async function recipientOf(identity: string): Promise<string> {
  const { kind, bytes } = parseIdentity(identity)
  if (kind === "mlkem768x25519") return (await library()).identityToRecipient(identity)
  const publicKey = requiring(() => x25519PublicKey(bytes))
  return encodeBech32("age", publicKey)
}

/**
 * The 32 raw bytes of a native identity: an X25519 private key, or the seed of a hybrid one.
 * @throws VaultError KEY_INVALID
 */
export function identityBytes(identity: string): Uint8Array {
  return Uint8Array.from(parseIdentity(identity).bytes)
}

/** The native identity of this kind that has these 32 raw bytes, the way back from {@link identityBytes}. */
export function identityOf(kind: KeyKind, bytes: Uint8Array): string {
  const [, prefix = ""] = IDENTITY_FORMS.find(([each]) => each === kind) ?? []
  return encodeBech32(prefix, bytes)
}

/**
 * Encrypts bytes to all of these recipients, as one binary age file.
 * @throws VaultError RECIPIENT_INVALID, or KEYS_MIXED for recipients of more than one kind.
 */
export async function seal(
  plaintext: Uint8Array,
  recipients: readonly string[],
): Promise<Uint8Array> {
  return sealer(recipients)(plaintext)
}

/** {@link seal} to the same recipients many times, with their keys parsed once. */
export function sealer(
  recipients: readonly string[],
): (plaintext: Uint8Array) => Promise<Uint8Array> {
  const keys = recipients.map(parseRecipient)
  const kinds = new Set(keys.map(({ kind }) => kind))
  if (kinds.size === 0) throw new VaultError("BUG", "nothing can be sealed to no recipients")
  if (kinds.size > 1) {
    throw new VaultError("KEYS_MIXED", "classic and post-quantum recipients cannot be mixed")
  }
  let sealing: Promise<Sealing> | undefined
  return async (plaintext) => {
    try {
      sealing ??= kinds.has("x25519")
        ? sealingToX25519(keys.map(({ bytes }) => bytes))
        : library().then(({ sealingTo }) => sealingTo(recipients))
      return await (
        await sealing
      )(plaintext)
    } catch (cause) {
      await proveRuntime()
      throw new VaultError("RECIPIENT_INVALID", "a recipient is not a usable public key", { cause })
    }
  }
}

type Sealing = (plaintext: Uint8Array) => Promise<Uint8Array>

/** Apart, since a read does without. */
async function sealingToX25519(publicKeys: readonly Uint8Array[]): Promise<Sealing> {
  return (await import("./x25519-sealing.js")).sealingToAll(publicKeys)
}

/**
 * Decrypts a binary age file with the first of these identities that opens it.
 * @throws VaultError KEY_INVALID; NOT_A_READER if the file is sealed to none of the identities;
 * CIPHERTEXT_DAMAGED for whatever is not, from its first to its last byte, what was sealed.
 */
export async function unseal(
  ciphertext: Uint8Array,
  identities: readonly string[],
): Promise<Uint8Array> {
  return unlocker(identities)(ciphertext)
}

/** {@link unseal} with identities that were given before. */
export type Unlock = (ciphertext: Uint8Array) => Promise<Uint8Array>

/** {@link unseal} with the same identities many times, with the keys parsed once. */
export function unlocker(identities: readonly string[]): Unlock {
  const keys = identities.map((identity) => {
    const { kind, bytes } = parseIdentity(identity)
    return kind === "x25519" ? requiring(() => x25519Identity(bytes)) : identity
  })
  // A hybrid key opens no file of the form that these open.
  const classic = keys.filter((key) => typeof key !== "string")
  let opening: Promise<Opening> | undefined
  return async (ciphertext) => {
    const plaintext = openX25519File(ciphertext, classic)
    if (plaintext !== undefined) return plaintext
    opening ??= library().then(({ openingWith }) => openingWith(keys))
    return unsealed(await opening, ciphertext, NOT_A_READER)
  }
}

/**
 * Encrypts bytes to a passphrase (UTF-8, as typed), as an armored age file like `age -p -a`.
 * @throws VaultError USAGE if the passphrase is empty.
 */
export async function sealWithPassphrase(
  plaintext: Uint8Array,
  passphrase: string,
): Promise<Uint8Array> {
  if (passphrase === "") throw new VaultError("USAGE", "the passphrase is empty")
  return (await library()).sealWith(plaintext, passphrase)
}

/**
 * Decrypts a passphrase-sealed age file, binary or armored.
 * @throws VaultError PASSPHRASE_WRONG, or CIPHERTEXT_DAMAGED, also for a file that is sealed to
 * recipients.
 */
export async function unsealWithPassphrase(
  file: Uint8Array,
  passphrase: string,
): Promise<Uint8Array> {
  const { openingWithPassphrase } = await library()
  return unsealed(openingWithPassphrase(passphrase), file, PASSPHRASE_WRONG)
}

/** Whether this is an age file, binary or armored, that a passphrase opens. */
export async function isPassphraseSealed(file: Uint8Array): Promise<boolean> {
  try {
    const bytes = isArmored(file) ? (await library()).withoutArmor(file) : file
    const head = bytes.subarray(0, FIRST_LINES.length)
    return Buffer.from(head).toString("latin1") === FIRST_LINES
  } catch {
    return false
  }
}

/** The last one: of each, first its kind is asked, then its recipient, then the key itself. */
let last: { readonly text: string; readonly key: RawKey } | undefined

function parseIdentity(text: string): RawKey {
  if (last?.text === text) return last.key
  const key = parseKey(text, IDENTITY_FORMS)
  if (key) {
    last = { text, key }
    return key
  }
  throw new VaultError("KEY_INVALID", "this is not a native age identity", {
    hint: "An identity is one line in capitals, AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…",
  })
}

function parseRecipient(text: string): RawKey {
  const key = parseKey(text, RECIPIENT_FORMS)
  if (key) return key
  // The text is not repeated: it may be an identity, given by mistake.
  throw new VaultError("RECIPIENT_INVALID", "this is not a native age recipient", {
    hint: "A recipient is age1… or age1pq1…, as age-keygen -y prints it; no SSH key, no plugin.",
  })
}

function parseKey(text: string, forms: readonly KeyForm[]): RawKey | undefined {
  for (const [kind, prefix, length] of forms) {
    const bytes = decodeBech32(text, prefix, length)
    if (bytes) return { kind, bytes }
  }
  return undefined
}

// Without a cause: the library's messages repeat what it read, such as the first line of a file
// that should have been sealed and holds a key or a value in the clear.
async function unsealed(
  open: Opening,
  file: Uint8Array,
  [code, message]: readonly [ErrorCode, string],
): Promise<Uint8Array> {
  try {
    const plaintext = await open(file)
    if (plaintext !== undefined) return plaintext
  } catch (error) {
    if (VaultError.is(error)) throw error
    await proveRuntime()
    throw new VaultError("CIPHERTEXT_DAMAGED", "the file is damaged, or is not an age file")
  }
  await proveRuntime()
  throw new VaultError(code, message)
}

let proof: Promise<void> | undefined

/**
 * Before a file or a key is blamed: what is sealed to a new key here must open here. A runtime that
 * lacks a primitive fails just as a file that was tampered with. Throws `RUNTIME_UNSUPPORTED`.
 */
function proveRuntime(): Promise<void> {
  proof ??= sealAndUnseal()
  return proof
}

async function sealAndUnseal(): Promise<void> {
  const [text, secret] = [Buffer.from("agent-vault"), randomBytes(32)]
  try {
    const sealed = await (await sealingToX25519([x25519PublicKey(secret)]))(text)
    const { openingWith } = await library()
    const opened = await openingWith([x25519Identity(secret)])(sealed)
    if (opened !== undefined && text.equals(opened)) return
  } catch (cause) {
    throw unsupported(cause)
  }
  throw unsupported()
}
