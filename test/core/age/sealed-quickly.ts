import { Encrypter } from "age-encryption"

/**
 * A file under a passphrase, at 8 rounds in place of 2^18, which take half a second of CPU to seal
 * and as long at every opening: for tests of what is done with such a file.
 */
export async function sealedQuickly(plaintext: Uint8Array, passphrase: string): Promise<Buffer> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  encrypter.setScryptWorkFactor(3)
  return Buffer.from(await encrypter.encrypt(plaintext))
}
