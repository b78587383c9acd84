import { generateKeyPairSync, verify } from "node:crypto"
import type { ServerResponse } from "node:http"
import { type Asked, LeaseServer, send } from "./lease-server.js"

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
/** The key of the app, as GitHub hands it out. */
export const APP_KEY: string = privateKey.export({ type: "pkcs1", format: "pem" }).toString()
/** A line of it. */
export const KEY_LINE = APP_KEY.split("\n")[3] ?? ""

/**
 * A server on loopback that answers as GitHub's REST API does for an app: tokens of an installation,
 * for a JWT that the app's key signed, and their end.
 */
export class Issuer extends LeaseServer {
  #count = 0

  static start(): Promise<Issuer> {
    return new Issuer().listen()
  }

  /** The words that lease by it. */
  get said(): string {
    return `--lease github-app --with app=12345 --with installation=678 --with endpoint=${this.url}`
  }

  protected answer({ line, headers }: Asked, response: ServerResponse): void {
    const [, shown = ""] = (headers.authorization ?? "").split("Bearer ")
    if (line === "POST /app/installations/678/access_tokens") {
      if (!isOfApp(shown)) return send(response, 401, { message: "Bad credentials" })
      const token = `ghs_12345_not-a-real-token-${(this.#count += 1)}`
      this.live.add(token)
      const ends = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "")
      return send(response, 201, { token, expires_at: ends, permissions: { contents: "read" } })
    }
    if (line === "DELETE /installation/token") {
      return send(response, this.live.delete(shown) ? 204 : 401)
    }
    send(response, 404, { message: "Not Found" })
  }
}

function read(part: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>
}

/** Whether GitHub would take this JWT (RFC 7519) for the app's. */
function isOfApp(jwt: string): boolean {
  const [head = "", claims = "", signature = ""] = jwt.split(".")
  const signed = Buffer.from(`${head}.${claims}`)
  if (!verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))) return false
  const { iat, exp, iss } = read(claims)
  const [now, from, until] = [Date.now() / 1000, Number(iat), Number(exp)]
  const isNow = from <= now && until > now && until - now <= 600
  return read(head)["alg"] === "RS256" && iss === "12345" && isNow
}
