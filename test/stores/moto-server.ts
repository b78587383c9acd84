import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { request } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { type StartedServer, startServer } from "./started-server.js"
import { serversPython } from "./store-programs.js"

/** moto, which answers as AWS does, over TLS, all of it in memory. */
export class MotoServer {
  readonly #server: StartedServer
  readonly #folder: string

  constructor(server: StartedServer, folder: string) {
    this.#server = server
    this.#folder = folder
  }

  static async start(): Promise<MotoServer> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-moto-")))
    const make = `from sys import argv; from werkzeug.serving import make_ssl_devcert
make_ssl_devcert(argv[1], cn="localhost")`
    execFileSync(serversPython, ["-c", make, join(folder, "own")])
    const [certificate, key] = [join(folder, "own.crt"), join(folder, "own.key")]
    const server = await startServer((port) => ({
      program: serversPython,
      args: `-m moto.server -H 127.0.0.1 -p ${port} -s -c ${certificate} -k ${key}`.split(" "),
      options: { cwd: folder, env: { ...process.env, PYTHONUNBUFFERED: "1" } },
      ready: /Running on https:/,
    }))
    return new MotoServer(server, folder)
  }

  get url(): string {
    return `https://localhost:${this.#server.port}`
  }

  /** The file that says who proves it, PEM. */
  get authority(): string {
    return join(this.#folder, "own.crt")
  }

  /** Asks IAM for something that has to work; what it answers is XML. */
  iam(action: string, members: Readonly<Record<string, string>>): Promise<string> {
    const form = new URLSearchParams({ Action: action, Version: "2010-05-08", ...members })
    return this.#ask("us-east-1/iam", form.toString(), {
      "Content-Type": "application/x-www-form-urlencoded",
    })
  }

  /** The same of Secrets Manager; it is JSON. */
  secrets(region: string, action: string, members: object): Promise<string> {
    return this.#ask(`${region}/secretsmanager`, JSON.stringify(members), {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": `secretsmanager.${action}`,
    })
  }

  /** From the next request on, it looks who asks, by signature and policy. */
  async lookWhoAsks(): Promise<void> {
    await this.#ask("", "0", {}, "/moto-api/reset-auth")
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #ask(
    scope: string,
    body: string,
    more: Readonly<Record<string, string>>,
    path = "/",
  ): Promise<string> {
    const terms = `Credential=none/20300101/${scope}/aws4_request, SignedHeaders=host, Signature=none`
    const headers = { ...more, Authorization: `AWS4-HMAC-SHA256 ${terms}` }
    const ca = readFileSync(this.authority)
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}${path}`, { method: "POST", headers, ca, agent: false })
      asked.once("error", reject)
      asked.once("response", (response) => {
        const isDone = response.statusCode === 200
        resolve(text(response).then((said) => (isDone ? said : Promise.reject(new Error(said)))))
      })
      asked.end(body)
    })
  }
}
