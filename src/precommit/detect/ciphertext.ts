/**
 * What tools write in the place of a value that they have encrypted or digested: the whole value,
 * as dotenvx, SOPS, Ansible, age, Vault's transit engine, sealed secrets and checksums have it.
 */
const CIPHERTEXT =
  /^(?:encrypted:[A-Za-z0-9+/]{40,2000}={0,2}$|ENC\[[A-Z0-9_]{3,20},|\$ANSIBLE_VAULT;|vault:v\d{1,3}:[A-Za-z0-9+/]{20,2000}={0,2}$|-----BEGIN (?:AGE ENCRYPTED|PGP MESSAGE)|age-encryption\.org\/v1|YWdlLWVuY3J5cHRpb24ub3JnL3Yx|Ag[AB][A-Za-z0-9+/]{150,2000}={0,2}$|(?:sha\d{1,3}|md5)[-:_=](?:[0-9a-fA-F]{32,128}|[A-Za-z0-9+/]{43,86}={0,2})$)/

/** The five parts of a JSON Web Encryption (RFC 7516); the key's is empty if it was agreed on. */
const JWE = /^(eyJ[\w-]{10,400})\.[\w-]{0,800}\.[\w-]{11,64}\.[\w-]{1,4000}\.[\w-]{20,90}$/

/** Whether a value is ciphertext or a digest by its form, and opens nothing by itself. */
export function isCiphertext(value: string): boolean {
  return CIPHERTEXT.test(value)
}

/** Whether a value is encrypted as a JSON Web Encryption: its header names how. */
export function isEncryptedToken(value: string): boolean {
  const header = JWE.exec(value)?.[1]
  return (
    header !== undefined && Buffer.from(header, "base64url").toString("latin1").includes('"enc"')
  )
}
