import { generateKeyPairSync, randomInt } from "node:crypto"

// Secrets for tests, made at run time: nothing in this repository is a key, or looks like one.

/** A private key in PEM, new each time. */
export function pemKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519")
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString()
}

/** A line of code with a random password in it. */
export function passwordLine(): string {
  return `const password = "${randomPassword()}"\n`
}

/** No vowels and no neighbours: no word and no sequence that a placeholder has comes of these. */
const ALPHABET = "BDFHKMQTWZbdfhkmqtwz2468"

/** Letters of both cases and digits, 24 of them, surely of each kind, and none twice in a row. */
export function randomPassword(): string {
  let middle = ""
  while (middle.length < 20) {
    const next = ALPHABET[randomInt(ALPHABET.length)] ?? ""
    if (next.toLowerCase() !== middle.at(-1)?.toLowerCase()) middle += next
  }
  return `q7${middle}Z4`
}
