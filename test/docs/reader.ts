import { spawn } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Machine } from "../cli/machine.js"
import { doLine } from "../cli/typed-line.js"
import { type Consumer, root } from "../package/pack.js"

/**
 * Whoever follows a page: a machine with the command, the npm package and the Python package, and a
 * repository of their own, whose programs are made of what any machine has.
 */
export class Reader {
  readonly #machine: Machine

  private constructor(machine: Machine) {
    this.#machine = machine
    Object.assign(machine.env, { PYTHONPATH: join(root, "sdk-python-bridge"), ...NPM })
  }

  /** On a new machine, with a new repository, into which the npm package was installed. */
  static onNewMachine(installed?: Consumer): Reader {
    const machine = new Machine()
    const { home, repo } = machine
    if (installed !== undefined) {
      const packages = join(installed.project, "node_modules")
      cpSync(packages, join(repo, "node_modules"), { recursive: true })
    }
    writeFileSync(join(repo, ".gitignore"), "node_modules\npage.*\n")
    writeFileSync(join(repo, "package.json"), JSON.stringify(PACKAGE, undefined, 2))
    symlinkSync(root, join(home, "agent-vault"))

    // The person at the prompt, who types a value or says yes, and sits at no terminal here.
    mkdirSync(join(home, "program"))
    renameSync(join(home, "bin/agent-vault"), join(home, "program/agent-vault"))
    writeFileSync(join(home, "bin/agent-vault"), PERSON)
    chmodSync(join(home, "bin/agent-vault"), 0o755)
    return new Reader(machine)
  }

  /** On another machine that holds what this one holds. */
  copy(): Reader {
    const machine = this.#machine.copy()
    cpSync(join(this.#machine.home, "bin"), join(machine.home, "bin"), { recursive: true })
    return new Reader(machine)
  }

  /** Runs a script of bash at the top of the repository. */
  run(script: string): Promise<{ printed: string; code: number | null }> {
    return new Promise((resolve, reject) => {
      const options = { cwd: this.#machine.repo, env: this.#machine.env }
      const child = spawn("bash", ["-c", script], {
        ...options,
        stdio: ["ignore", "pipe", "inherit"],
      })
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text))
      child.once("error", reject)
      child.once("close", (code) => resolve({ printed, code }))
    })
  }

  /** Runs one line, in this process where it needs neither a shell nor the person at the prompt. */
  async line(line: string): Promise<{ printed: string; code: number | null }> {
    if (PERSONS.test(line)) return this.run(`exec 2>&1; ${line}`)
    const { stdout, stderr, code } = await doLine(this.#machine, line)
    return { printed: stdout + stderr, code }
  }

  remove(): void {
    this.#machine.remove()
  }
}

const NPM = {
  npm_config_ignore_scripts: "true",
  npm_config_offline: "true",
  npm_config_loglevel: "error",
  npm_config_update_notifier: "false",
}

const PACKAGE = {
  name: "shop",
  private: true,
  scripts: {
    deploy: 'echo "deploying with $STRIPE_API_KEY"',
    start: 'echo "listening on $PORT"',
  },
}

const PERSONS = /agent-vault (?:set|mcp wrap|apply)\b/
const PERSON = `#!/bin/sh
program="$HOME/program/agent-vault"
[ -c /dev/stdin ] || exec "$program" "$@"
case "$*" in
  *--dry-run* | *--from-file* | *--generate*) ;;
  "set "*)
    printf 'not-a-real-value-of-%s' "$2" | "$program" "$@"
    exit ;;
  "mcp wrap "*) exec "$program" "$@" --yes ;;
  apply)
    plan=$("$program" apply --dry-run --json | sed -n 's/^ *"id": "\\([0-9a-f]*\\)".*/\\1/p')
    exec "$program" apply --yes --plan "$plan" ;;
esac
exec "$program" "$@"
`
