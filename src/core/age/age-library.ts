import { armor, Decrypter, Encrypter } from "age-encryption"
export { generateHybridIdentity, identityToRecipient } from "age-encryption"
import { isArmored } from "./age-file.js"
import { scryptIdentity, scryptRecipient } from "./scrypt.js"
import type { AgeIdentity, AgeRecipient } from "./stanza.js"

// All that age.ts has age-encryption do; this is the only file that imports it. Keys that are text
// are its own, and of the others it knows only what they do with a file key.

/** Opens a file; undefined where it is sealed to no key that was given. Rejects if it is damaged. */
export type Opening = (file: Uint8Array) => Promise<Uint8Array | undefined>

// age-encryption has no error codes; test/core/age/age.test.ts pins this text.
const NO_MATCH = "no identity matched any of the file's recipients"

/** Seals many files to the same recipients. */
export function sealingTo(
  recipients: readonly (string | AgeRecipient)[],
): (plaintext: Uint8Array) => Promise<Uint8Array> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return async (plaintext) => readAll(await encrypter.encrypt(streamOf(plaintext)))
}

/** Opens many files with the same identities. */
export function openingWith(identities: readonly (string | AgeIdentity)[]): Opening {
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  return async (file) => {
    try {
      return await readAll(await decrypter.decrypt(streamOf(file)))
    } catch (error) {
      if (error instanceof Error && error.message === NO_MATCH) return undefined
      throw error
    }
  }
}

/** Seals to a passphrase, armored. */
export async function sealWith(plaintext: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const sealed = await sealingTo([scryptRecipient(passphrase)])(plaintext)
  return new TextEncoder().encode(armor.encode(sealed))
}

/** Opens files that are sealed to a passphrase, armored or not. */
export function openingWithPassphrase(passphrase: string): Opening {
  const open = openingWith([scryptIdentity(passphrase)])
  return async (file) => open(withoutArmor(file))
}

export function withoutArmor(file: Uint8Array): Uint8Array {
  return isArmored(file) ? armor.decode(Buffer.from(file).toString("latin1")) : file
}

// Streams in and out, because for plain bytes the library goes through `Response`, which makes
// Node load its whole fetch: 12 ms of a command's start.
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
