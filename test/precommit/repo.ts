import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { VaultError } from "../../src/core/guard.js"
import type { Environment } from "../../src/core/disk/homes.js"
import { guard } from "../../src/precommit/run-guard.js"
import type { ReportForm, Subject } from "../../src/serving/guarding.js"

/** What the guard said, and how it ended. */
interface Guarded {
  /** 0 clean, 1 findings, else the exit code of the error. */
  readonly code: number
  /** `path:line rule` of each finding, sorted. */
  readonly found: readonly string[]
  readonly stdout: string
  readonly stderr: string
  readonly error?: string
}

interface Document {
  readonly findings: readonly { path: string; line: number; rule: string; commit?: string }[]
}

/** A repository of its own, for a person who commits. */
export class Repo {
  readonly top: string
  readonly env: Environment

  constructor(top = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-guard-")))) {
    this.top = top
    this.env = { ...process.env, HOME: top }
  }

  /** A new repository. */
  static make(...initArgs: readonly string[]): Repo {
    const repo = new Repo()
    repo.git("init", "--quiet", "--template=", "-b", "main", ...initArgs)
    return repo
  }

  remove(): void {
    rmSync(this.top, { recursive: true, force: true, maxRetries: 3 })
  }

  git(...args: readonly string[]): string {
    return this.gitWith("", ...args)
  }

  gitWith(input: string | Buffer, ...args: readonly string[]): string {
    const options = { cwd: this.top, env: this.env as NodeJS.ProcessEnv, input }
    return execFileSync("git", args, { ...options, stdio: ["pipe", "pipe", "pipe"] })
      .toString("utf8")
      .trimEnd()
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(join(this.top, path)), { recursive: true })
    writeFileSync(join(this.top, path), content)
  }

  /** Writes files, and stages them. */
  stage(files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [path, content] of Object.entries(files)) this.write(path, content)
    this.git("add", "--force", "--", ...Object.keys(files))
  }

  /** Commits, as somebody who has no guard. */
  commit(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
    if (Object.keys(files).length > 0) this.stage(files)
    this.git("commit", "--quiet", "--no-verify", "--allow-empty", "-m", "a commit")
    return this.git("rev-parse", "HEAD")
  }

  /** Runs the guard in this process; what it finds is read from its JSON. */
  async guard(
    subject: Subject = { is: "staged" },
    env: Environment = {},
    cwd = this.top,
  ): Promise<Guarded> {
    const ran = await this.run("json", subject, env, cwd)
    if (ran.error !== undefined) return ran
    const { findings } = JSON.parse(ran.stdout) as Document
    return {
      ...ran,
      found: findings.map(({ path, line, rule }) => `${path}:${line} ${rule}`).sort(),
    }
  }

  async run(
    form: ReportForm,
    subject: Subject = { is: "staged" },
    env: Environment = {},
    cwd = this.top,
    explain = false,
  ): Promise<Guarded> {
    let [stdout, stderr] = ["", ""]
    const request = { subject, form, explain, cwd, env: { ...this.env, ...env }, version: "1.2.3" }
    try {
      const code = await guard({
        ...request,
        write: (document) => {
          stdout += document
          return Promise.resolve()
        },
        say: (line) => (stderr += `${line}\n`),
      })
      return { code, found: [], stdout, stderr }
    } catch (error) {
      if (!VaultError.is(error)) throw error
      return { code: error.exitCode, found: [], stdout, stderr, error: error.code }
    }
  }
}
