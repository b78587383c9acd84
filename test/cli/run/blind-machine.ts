import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type AuditLine,
  auditFiles,
  auditFolder,
  claimedId,
  findVault,
} from "../../../src/core/index.js"
import { Service } from "../../broker/proxy/broker-world.js"
import { type Machine, type Ran, vaultMachine } from "../machine.js"

/** A value that must be found nowhere but at the service; other in each file of tests. */
export const VALUE = `not-a-real-key-${randomBytes(12).toString("hex")}`
/** A second secret of the same group. */
export const OTHER = `not-a-real-key-${randomBytes(12).toString("hex")}`

/** A machine whose agent ci sends the secrets of stripe to a service of this machine. */
export class BlindMachine {
  readonly machine: Machine
  readonly service: Service

  private constructor(machine: Machine, service: Service) {
    this.machine = machine
    this.service = service
  }

  /** No rule is set yet. */
  static async start(): Promise<BlindMachine> {
    const machine = await vaultMachine()
    const service = await Service.start("api.localhost")
    service.handler = (request, response) => {
      response.end(`${request.method} ${request.url} ${request.headers.authorization ?? ""}`)
    }
    const roots = join(machine.home, "upstream.pem")
    writeFileSync(roots, service.root)
    mkdirSync(join(machine.home, "tmp"))
    Object.assign(machine.env, {
      NODE_EXTRA_CA_CERTS: roots,
      BASE: `https://${service.authority}`,
      // What a broker leaves that is killed goes with this machine.
      TMPDIR: join(machine.home, "tmp"),
    })
    const blind = new BlindMachine(machine, service)
    await machine.call(["set", "stripe/api-key"], VALUE)
    await machine.call(["set", "stripe/webhook"], OTHER)
    return blind
  }

  /** Signs a rule for a secret: GET of /v1/**, as bearer, and what the options say. */
  async use(secret: string, ...more: readonly string[]): Promise<void> {
    const where = ["--host", this.service.authority, "--path", "/v1/**"]
    const how = ["--at", "header:authorization", "--scheme", "bearer", "--method", "GET"]
    await this.does(["use", secret, ...where, ...how, ...more, "--yes"])
  }

  /** Runs a command line, which must succeed; what it printed. */
  async does(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.machine.call(argv)
    if (code !== 0) throw new Error(stderr)
    return stdout
  }

  /** A line of shell, run blind by the built command and not isolated. */
  runs(line: string, ...options: readonly string[]): Promise<Ran> {
    const script = join(this.machine.home, "script.sh")
    writeFileSync(script, line)
    const more = options.join(" ")
    return this.machine.shell(
      `agent-vault run --agent ci --blind --isolate none ${more} -g stripe -- sh ${script}`,
    )
  }

  /** The files of the audit, of agents and of owners. */
  audits(): string[] {
    const { repo, env } = this.machine
    return auditFiles(auditFolder(claimedId(findVault(repo)), env))
  }

  /** Every line of the audit of ci, in the order in which they were written. */
  lines(): AuditLine[] {
    const file = this.audits().find((each) => each.endsWith("agents/ci.jsonl"))
    if (file === undefined) return []
    const texts = readFileSync(file, "utf8").split("\n").filter(Boolean)
    return texts.map((line) => JSON.parse(line) as AuditLine)
  }

  close(): void {
    this.service.close()
    this.machine.remove()
  }
}
