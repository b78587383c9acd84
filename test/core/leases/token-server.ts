import type { ServerResponse } from "node:http"
import { type Asked, LeaseServer, send } from "./lease-server.js"

/** The refresh token that was given first. */
export const FIRST = "not-a-real-refresh-token-1"

/**
 * What becomes of a refresh token that was used: it is good again, also beside the one that succeeds
 * it, or is spent, and whoever uses it once more ends all that came of it (RFC 9700, section 4.14.2).
 */
type Renewal = "none" | "beside" | "strict"

/** A server on loopback that answers as an OAuth 2.0 server does: RFC 6749, and RFC 7009. */
export class TokenServer extends LeaseServer {
  renewal: Renewal = "none"
  /** The secret of the client; undefined: it has none. */
  secret: string | undefined
  #refresh = 1
  #count = 0
  #isEnded = false

  static start(): Promise<TokenServer> {
    return new TokenServer().listen()
  }

  /** The forms that came to the token endpoint. */
  get forms(): Readonly<Record<string, string>>[] {
    const asked = this.asked.filter(({ line }) => line === "POST /token")
    return asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  }

  /** The refresh token that is good at present. */
  get latest(): string {
    return `${FIRST.slice(0, -1)}${this.#refresh}`
  }

  override forget(): void {
    super.forget()
    this.renewal = "none"
    this.secret = undefined
    this.#refresh = 1
    this.#isEnded = false
  }

  protected answer({ line, body, headers }: Asked, response: ServerResponse): void {
    const form = new URLSearchParams(body)
    if (!this.#isClient(form, headers.authorization)) {
      return send(response, 401, { error: "invalid_client", error_description: body })
    }
    if (line === "POST /revoke") {
      this.live.delete(form.get("token") ?? "")
      return send(response, 200)
    }
    const refresh = form.get("refresh_token") ?? ""
    if (line !== "POST /token" || form.get("grant_type") !== "refresh_token") {
      return send(response, 400, { error: "unsupported_grant_type", error_description: body })
    }
    const [, count = "0"] = /^not-a-real-refresh-token-(\d+)$/.exec(refresh) ?? []
    const isPast = Number(count) < this.#refresh
    this.#isEnded ||= this.renewal === "strict" && isPast
    if (this.#isEnded || Number(count) < 1 || Number(count) > this.#refresh) {
      return send(response, 400, { error: "invalid_grant", error_description: refresh })
    }
    if (this.renewal !== "none") this.#refresh += 1
    const token = `not-a-real-access-token-${(this.#count += 1)}`
    this.live.add(token)
    const more = this.renewal === "none" ? {} : { refresh_token: this.latest }
    send(response, 200, { access_token: token, token_type: "Bearer", expires_in: 3600, ...more })
  }

  #isClient(form: URLSearchParams, header = ""): boolean {
    if (this.secret === undefined) return form.get("client_id") === "a-client"
    const [scheme = "", shown = ""] = header.split(" ")
    if (scheme !== "Basic") return form.get("client_secret") === this.secret
    const pair = Buffer.from(shown, "base64").toString().split(":")
    const [client, secret] = pair.map((each) => new URLSearchParams(`x=${each}`).get("x"))
    return client === "a-client" && secret === this.secret
  }
}
