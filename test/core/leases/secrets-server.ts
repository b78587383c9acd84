import type { ServerResponse } from "node:http"
import { type Asked, LeaseServer, send } from "./lease-server.js"

/** A token of the server, as long as there is one, and the secret id of an AppRole. */
export const TOKEN = "hvs.not-a-real-token"
export const SECRET_ID = "not-a-real-secret-id"

/**
 * A server on loopback that answers as HashiCorp Vault does, by its documentation and by what OpenBao
 * 2.7 answered: dynamic secrets, AppRole, and the ends of leases and tokens.
 */
export class SecretsServer extends LeaseServer {
  /** The fields of a dynamic secret, besides the user's name. */
  fields: Readonly<Record<string, unknown>> = { password: "A1a-not/a:real@password" }
  /** Seconds that a lease lives, and a token of an AppRole. */
  lives = { lease: 3600, token: 1200 }
  readonly #tokens = new Set([TOKEN])
  #count = 0

  static start(): Promise<SecretsServer> {
    return new SecretsServer().listen()
  }

  override forget(): void {
    super.forget()
    this.fields = { password: "A1a-not/a:real@password" }
    this.lives = { lease: 3600, token: 1200 }
  }

  protected answer({ line, body, headers }: Asked, response: ServerResponse): void {
    const said = (body === "" ? {} : JSON.parse(body)) as Readonly<Record<string, string>>
    if (line === "POST /v1/auth/approle/login") return this.#login(said, response)
    const token = String(headers["x-vault-token"])
    if (!this.#tokens.has(token)) return send(response, 403, { errors: ["permission denied"] })
    const lives = { request_id: "1", lease_id: "", renewable: false, lease_duration: 0 }
    const id = `database/creds/app/${token}/${(this.#count += 1)}`
    switch (line) {
      case "GET /v1/database/creds/app":
        this.live.add(id)
        return send(response, 200, {
          ...lives,
          lease_id: id,
          lease_duration: this.lives.lease,
          data: { username: `v-app-${this.#count}`, ...this.fields },
        })
      case "GET /v1/secret/data/x":
        return send(response, 200, { ...lives, data: { username: "u", password: "p" } })
      case "POST /v1/sys/leases/revoke":
        this.live.delete(said["lease_id"] ?? "")
        return send(response, 204)
      case "POST /v1/auth/token/revoke-self":
        this.#tokens.delete(token)
        for (const lease of this.live) if (lease.includes(token)) this.live.delete(lease)
        return send(response, 204)
      default:
        send(response, 404, { errors: [] })
    }
  }

  #login(said: Readonly<Record<string, string>>, response: ServerResponse): void {
    if (said["role_id"] !== "a-role" || said["secret_id"] !== SECRET_ID) {
      return send(response, 400, { errors: ["invalid role or secret ID"] })
    }
    const token = `hvs.not-a-real-login-${(this.#count += 1)}`
    this.#tokens.add(token)
    const auth = { client_token: token, lease_duration: this.lives.token, renewable: true }
    send(response, 200, { request_id: "1", lease_id: "", lease_duration: 0, data: null, auth })
  }
}
