import { scrypt } from "node:crypto"

const COST = { N: 2 ** 14, r: 8, p: 1 }
const BYTES = 8

/**
 * What binds an exception to one text: scrypt over it, with the rule for salt, 64 bits as hex.
 *
 * The text may turn out to be a secret after all. So a plain hash would not do: somebody could try
 * lists of passwords against it. The guard computes the fingerprint only when a person asks for it
 * or has written an entry, and no report contains it.
 */
export function fingerprintOf(rule: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    scrypt(text, `agent-vault/guard/v1\0${rule}`, BYTES, COST, (error, key) => {
      if (error === null) resolve(key.toString("hex"))
      else reject(error)
    })
  })
}
