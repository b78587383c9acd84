import { randomBytes, scrypt, type ScryptOptions } from "node:crypto"
import { promisify } from "node:util"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import {
  fromBase64,
  toBase64,
  unwrap,
  wrap,
  type AgeIdentity,
  type AgeRecipient,
} from "./stanza.js"

// The scrypt recipient type of the age spec on Node's own OpenSSL: off the event loop, which
// age-encryption's portable code holds for a second.

const TYPE = "scrypt"
const LABEL = "age-encryption.org/v1/scrypt"
const WORK_FACTOR = 18
const BLOCK_SIZE = 8

/** The recipient of a passphrase, at the work factor that `age -p` uses. */
export function scryptRecipient(passphrase: string): AgeRecipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(16)
      const key = await wrappingKey(passphrase, salt, WORK_FACTOR)
      return [{ args: [TYPE, toBase64(salt), String(WORK_FACTOR)], body: wrap(fileKey, key) }]
    },
  }
}

/** The identity of a passphrase. Its stanza must be the only one in the header. */
export function scryptIdentity(passphrase: string): AgeIdentity {
  return {
    async unwrapFileKey(stanzas) {
      const [stanza, ...others] = stanzas
      if (stanza?.args[0] !== TYPE || others.length > 0) {
        throw new VaultError("CIPHERTEXT_DAMAGED", "the file is not sealed to one passphrase")
      }
      const [, salt, workFactor, ...surplus] = stanza.args
      if (salt === undefined || workFactor === undefined || surplus.length > 0) {
        throw new Error("invalid scrypt stanza")
      }
      const key = await wrappingKey(passphrase, fromBase64(salt, 16), parseWorkFactor(workFactor))
      return unwrap(stanza.body, key)
    },
  }
}

function parseWorkFactor(text: string): number {
  const workFactor = Number(text)
  if (!/^[1-9][0-9]*$/.test(text) || workFactor > LIMITS.scryptWorkFactor) {
    throw new Error("invalid scrypt work factor, or one that is too high")
  }
  return workFactor
}

async function wrappingKey(
  passphrase: string,
  salt: Uint8Array,
  workFactor: number,
): Promise<Uint8Array> {
  const N = 2 ** workFactor
  // scrypt's own need, where Node's default stops at 32 MiB.
  const maxmem = 128 * BLOCK_SIZE * (N + 8)
  const labelled = Buffer.concat([Buffer.from(LABEL), salt])
  // Not before: Node takes milliseconds to load its crypto.
  const derive = promisify<string, Uint8Array, number, ScryptOptions, Uint8Array>(scrypt)
  return derive(passphrase, labelled, 32, { N, r: BLOCK_SIZE, p: 1, maxmem })
}
