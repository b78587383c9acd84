import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { HANG } from "../hang.js"

export const root = fileURLToPath(new URL("../..", import.meta.url))

/** What a program of a consumer did. */
interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** An empty project, in a folder with a space in its name, into which the package was installed. */
export class Consumer {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-package-")))
  readonly project = join(this.#folder, "a project")
  /** What `npm pack` made. */
  readonly tarball: string

  constructor() {
    mkdirSync(this.project)
    // dist/ is built already: the tests' own set-up sees to it.
    const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", this.#folder]
    npm(pack, root)
    const name = readdirSync(this.#folder).find((file) => file.endsWith(".tgz")) ?? ""
    this.tarball = join(this.#folder, name)
    this.write("package.json", JSON.stringify({ name: "consumer", private: true }))
    // Nothing is downloaded: the package needs no other.
    npm(["install", "--offline", "--silent", "--no-audit", "--no-fund", this.tarball], this.project)
  }

  write(file: string, content: string): string {
    const path = join(this.project, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** Runs a program of the project's with Node. */
  run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Ran {
    const options = { cwd: this.project, env, encoding: "utf8" as const, timeout: HANG }
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], options)
    return { code: status, stdout, stderr }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a development dependency's command. */
export function runTool(bin: string, args: readonly string[], cwd = root): Ran {
  const options = { cwd, encoding: "utf8" as const, env: { ...process.env, NO_COLOR: "1" } }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "node_modules", bin), ...args],
    options,
  )
  return { code: status, stdout, stderr }
}

function npm(args: readonly string[], cwd: string): void {
  execFileSync("npm", args, { cwd, stdio: ["ignore", "ignore", "pipe"] })
}
