import {
  armor,
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption"
import { randomBytes } from "node:crypto"
import { ARMOR_BEGIN } from "./age-file.js"
import { decodeBech32, encodeBech32 } from "./bech32.js"
import { VaultError, type ErrorCode } from "../words/errors.js"
import { requiring, unsupported } from "../words/system-error.js"
import { scryptIdentity, scryptRecipient } from "./scrypt.js"
import { x25519Identity, x25519PublicKey, x25519Recipient } from "./x25519.js"

// The age file format (https://c2sp.org/age) is age-encryption's; this is the only file that
// imports it. Only the wrapping of file keys is native where that is faster.

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
// age-encryption has no error codes; test/core/age/age.test.ts pins this text.
const NO_MATCH = "no identity matched any of the file's recipients"

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
  return kind === "x25519" ? generateX25519Identity() : generateHybridIdentity()
}

/**
 * The recipient of an identity.
 * @throws VaultError KEY_INVALID
 */
export async function recipientOf(identity: string): Promise<string> {
  const { kind, bytes } = parseIdentity(identity)
  if (kind === "mlkem768x25519") return identityToRecipient(identity)
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
  const keys = recipients.map((recipient) => ({ recipient, ...parseRecipient(recipient) }))
  const kinds = new Set(keys.map(({ kind }) => kind))
  if (kinds.size === 0) throw new VaultError("BUG", "nothing can be sealed to no recipients")
  if (kinds.size > 1) {
    throw new VaultError("KEYS_MIXED", "classic and post-quantum recipients cannot be mixed")
  }
  const encrypter = new Encrypter()
  for (const { recipient, kind, bytes } of keys) {
    const native = () => x25519Recipient(bytes)
    encrypter.addRecipient(kind === "x25519" ? requiring(native) : recipient)
  }
  return async (plaintext) => {
    try {
      return await encrypt(encrypter, plaintext)
    } catch (cause) {
      await proveRuntime()
      throw new VaultError("RECIPIENT_INVALID", "a recipient is not a usable public key", { cause })
    }
  }
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
  const decrypter = new Decrypter()
  for (const identity of identities) {
    const { kind, bytes } = parseIdentity(identity)
    const native = () => x25519Identity(bytes)
    decrypter.addIdentity(kind === "x25519" ? requiring(native) : identity)
  }
  return async (ciphertext) => {
    try {
      return await decrypt(decrypter, ciphertext)
    } catch (error) {
      throw await refusal(error, "NOT_A_READER", "the file is sealed to none of these identities")
    }
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
  const encrypter = new Encrypter()
  encrypter.addRecipient(scryptRecipient(passphrase))
  return new TextEncoder().encode(armor.encode(await encrypt(encrypter, plaintext)))
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
  const decrypter = new Decrypter()
  decrypter.addIdentity(scryptIdentity(passphrase))
  try {
    return await decrypt(decrypter, withoutArmor(file))
  } catch (error) {
    throw await refusal(error, "PASSPHRASE_WRONG", "the passphrase does not open this file")
  }
}

/** Whether this is an age file, binary or armored, that a passphrase opens. */
export function isPassphraseSealed(file: Uint8Array): boolean {
  try {
    const head = withoutArmor(file).subarray(0, FIRST_LINES.length)
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

// Streams in and out, because for plain bytes the library goes through `Response`, which makes
// Node load its whole fetch: 12 ms of a command's start.
async function encrypt(encrypter: Encrypter, plaintext: Uint8Array): Promise<Uint8Array> {
  return readAll(await encrypter.encrypt(streamOf(plaintext)))
}

async function decrypt(decrypter: Decrypter, ciphertext: Uint8Array): Promise<Uint8Array> {
  return readAll(await decrypter.decrypt(streamOf(ciphertext)))
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  // Copied out of Buffer's pool, whose neighbours `.buffer` would show.
  return new Uint8Array(Buffer.concat(chunks))
}

function withoutArmor(file: Uint8Array): Uint8Array {
  const text = Buffer.from(file).toString("latin1")
  return text.trimStart().startsWith(ARMOR_BEGIN) ? armor.decode(text) : file
}

// Without a cause: the library's messages repeat what it read, such as the first line of a file
// that should have been sealed and holds a key or a value in the clear.
async function refusal(error: unknown, unmatched: ErrorCode, message: string): Promise<VaultError> {
  if (VaultError.is(error)) return error
  await proveRuntime()
  const noMatch = error instanceof Error && error.message === NO_MATCH
  if (noMatch) return new VaultError(unmatched, message)
  return new VaultError("CIPHERTEXT_DAMAGED", "the file is damaged, or is not an age file")
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
    const [encrypter, decrypter] = [new Encrypter(), new Decrypter()]
    encrypter.addRecipient(x25519Recipient(x25519PublicKey(secret)))
    decrypter.addIdentity(x25519Identity(secret))
    const opened = await decrypt(decrypter, await encrypt(encrypter, text))
    if (text.equals(opened)) return
  } catch (cause) {
    throw unsupported(cause)
  }
  throw unsupported()
}
