import { generateKeyPairSync, randomBytes } from "node:crypto"

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

/** Letters of both cases and digits, 24 of them, surely of each kind. */
export function randomPassword(): string {
  return `q7${randomBytes(32).toString("base64").replace(/[+/=]/g, "").slice(0, 20)}Z4`
}
