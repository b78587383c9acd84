import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { VaultError } from "../../core/index.js"

/** Made fresh for each run: 256 bits. */
const TOKEN_BYTES = 32

/**
 * What a program shows to use the broker, so that nobody else on this machine can: the password of
 * the proxy's URL, which clients send as `Proxy-Authorization: Basic` (RFC 7617).
 */
export class ProxyToken {
  /** URL-safe Base64. */
  readonly text: string
  readonly #digest: Buffer

  constructor(text: string = newToken()) {
    this.text = text
    this.#digest = digestOf(text)
  }

  /** Throws `PROXY_TOKEN_WRONG` unless the header holds this token. */
  check(header: string | undefined): void {
    const [, encoded = ""] = /^basic +([A-Za-z0-9+/_=-]+) *$/i.exec(header ?? "") ?? []
    const [, password = ""] = /^[^:]*:(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? []
    if (timingSafeEqual(digestOf(password), this.#digest)) return
    throw new VaultError(
      "PROXY_TOKEN_WRONG",
      "the request does not show the token of this broker",
      {
        hint: "take the proxy's URL whole, as HTTPS_PROXY has it: it holds the token",
      },
    )
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}

/** A token, new and at random. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url")
}
