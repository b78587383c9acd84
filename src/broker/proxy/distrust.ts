import { VaultError, type Target, hostPortOf } from "../../core/index.js"

/** `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA` is OpenSSL's name for an alert (RFC 8446, section 6.2). */
export function alertInWords(code: string): string {
  return code
    .replace(/^ERR_(?:SSL_)?/, "")
    .replace(/^(?:SSLV3|TLSV1(?:_\d)?)_/, "")
    .replace(/^ALERT_/, "")
    .toLowerCase()
    .replaceAll("_", " ")
}

/**
 * What a client's alert in the handshake says, if that is of our certificate; not what it says of
 * versions, ciphers and the like.
 */
export function distrustOf(target: Target, alert: string | undefined): VaultError | undefined {
  if (alert === undefined || !/_ALERT_.*(?:CERTIFICATE|UNKNOWN_CA)/.test(alert)) return undefined
  const where = hostPortOf(target)
  return new VaultError(
    "AUTHORITY_REFUSED",
    `a program does not trust the broker's certificate for ${where}: ${alertInWords(alert)}`,
    { hint: "what it reads instead, and what mends it: agent-vault doctor -- CLIENT {url}" },
  )
}
