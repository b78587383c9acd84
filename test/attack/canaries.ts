import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { World } from "../core/world.js"

// What a repository can bring so that Git runs it. A canary that does not sing proves nothing: each
// knows the plain git that runs it.

/** A repository that came as a folder, and a program that notes when somebody starts it. */
export class Trap {
  readonly machine: World
  readonly program: string

  constructor(machine: World) {
    this.machine = machine
    this.program = join(machine.folder, "evil.sh")
    writeFileSync(this.program, `#!/bin/sh\necho "$0 $*" >> '${this.#log}'\nexit 1\n`)
    chmodSync(this.program, 0o755)
  }

  get #log(): string {
    return join(this.machine.folder, "executed")
  }

  /** What was executed, if anything; it is forgotten then. */
  executed(): string {
    if (!existsSync(this.#log)) return ""
    const text = readFileSync(this.#log, "utf8")
    rmSync(this.#log)
    return text
  }

  configure(settings: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(settings)) this.machine.git("config", key, value)
  }

  /** Plain git, which may fail. */
  plain({ fires, input = "" }: Canary): void {
    for (const args of fires) {
      const env = { ...this.machine.env, EDITOR: "true", TERM: "xterm" } as NodeJS.ProcessEnv
      spawnSync("git", args, { cwd: this.machine.top, env, input })
    }
  }
}

interface Canary {
  readonly bring: (trap: Trap) => void
  /** Commands of git, one of which runs it. */
  readonly fires: readonly (readonly string[])[]
  readonly input?: string
}

const COMMIT = ["commit", "--allow-empty", "-m", "x"]
const ADD = [["add", "--", "new.txt"]]
const ASK = { fires: [["credential", "fill"]], input: "protocol=https\nhost=example.invalid\n\n" }
const HOOKS = [
  "reference-transaction",
  "pre-commit",
  "prepare-commit-msg",
  "commit-msg",
  "post-commit",
  "post-index-change",
  "post-checkout",
  "post-merge",
  "pre-auto-gc",
  "update",
  "pre-push",
  "fsmonitor-watchman",
]

export const CANARIES: Readonly<Record<string, Canary>> = {
  "hooks in .git/hooks": {
    bring: ({ machine, program }) => linkHooks(join(machine.top, ".git/hooks"), program),
    fires: [COMMIT],
  },
  "hooks in core.hooksPath": {
    bring: (trap) => {
      const hooks = join(trap.machine.folder, "hooks")
      linkHooks(hooks, trap.program)
      trap.configure({ "core.hooksPath": hooks })
    },
    fires: [COMMIT],
  },
  "a setting that is included": {
    bring: (trap) => {
      trap.machine.write("tools/config", `[core]\n\tfsmonitor = ${trap.program}\n`)
      trap.configure({ "include.path": "../tools/config" })
    },
    fires: [["status"]],
  },
  "core.fsmonitor": names({}, [["status"]]),
  "core.editor": names({}, [["commit", "--allow-empty"]]),
  "sequence.editor": names({}, [["rebase", "--autostash", "-i", "HEAD~1"]]),
  "core.askPass": { ...names({}, []), ...ASK },
  "credential.helper": {
    bring: ({ machine, program }) => void machine.git("config", "credential.helper", `!${program}`),
    ...ASK,
  },
  "core.sshCommand": names({}, [["fetch", "ssh://example.invalid/x"]]),
  "core.gitProxy": names({}, [["fetch", "git://example.invalid/x"]]),
  "remote.origin.uploadpack": names({}, [["fetch", "origin"]]),
  "remote.origin.receivepack": names({}, [["push", "origin", "HEAD:x"]]),
  "gpg.program": names({ "commit.gpgSign": "true" }, [COMMIT]),
  "gpg.openpgp.program": names({ "commit.gpgSign": "true" }, [COMMIT]),
  "gpg.x509.program": names({ "commit.gpgSign": "true", "gpg.format": "x509" }, [COMMIT]),
  "gpg.ssh.program": names(
    { "commit.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": "key::ssh-ed25519 AAAA" },
    [COMMIT],
  ),
  "gpg.ssh.defaultKeyCommand": names({ "commit.gpgSign": "true", "gpg.format": "ssh" }, [COMMIT]),
  "a signature that log shows": {
    bring: (trap) => {
      signedBranch(trap.machine, "main")
      trap.configure({ "log.showSignature": "true", "gpg.program": trap.program })
    },
    fires: [["log", "-1"]],
  },
  "a signature that a merge looks at": {
    bring: (trap) => {
      signedBranch(trap.machine, "signed")
      trap.configure({ "merge.verifySignatures": "true", "gpg.program": trap.program })
    },
    fires: [["merge", "signed"]],
  },
  "core.alternateRefsCommand": {
    bring: (trap) => {
      const other = join(trap.machine.folder, "other.git")
      execFileSync("git", ["init", "--quiet", "--bare", other])
      const alternates = join(trap.machine.top, ".git/objects/info/alternates")
      mkdirSync(join(alternates, ".."), { recursive: true })
      writeFileSync(alternates, `${other}/objects\n`)
      trap.configure({ "core.alternateRefsCommand": trap.program })
    },
    fires: [
      ["clone", "--quiet", "--bare", ".", "../copy.git"],
      ["fetch", "../copy.git"],
    ],
  },
  "diff.external": names({}, [["diff", "HEAD~1"]]),
  "diff.evil.command": names({}, [["diff", "HEAD~1"]]),
  "diff.evil.textconv": names({}, [["show", "HEAD"]]),
  "filter.evil.clean": names({}, ADD),
  "filter.evil.process": names({}, ADD),
  "filter.evil.smudge": names({}, [["checkout-index", "--prefix=out/", "README.md"]]),
  "merge.evil.driver": names({}, [["merge", "--no-commit", "theirs"]]),
  "trailer.x.command": names({ "trailer.x.key": "x" }, [
    ["interpret-trailers", "--trailer", "x=1"],
  ]),
  "an alias": {
    bring: ({ machine, program }) => {
      for (const name of ["evil", "log", "ls-tree", "fast-import", "hook", "config"]) {
        machine.git("config", `alias.${name}`, `!${program}`)
      }
    },
    fires: [["evil"]],
  },
}

/** A canary whose name is the setting that names the program. */
function names(settings: Readonly<Record<string, string>>, fires: Canary["fires"]): Canary {
  return { bring: (trap) => trap.configure(settings), fires }
}

/** Brings a canary, by its name. */
export function bring(trap: Trap, name: string): void {
  const { machine, program } = trap
  if (/^[a-z]+\.[\w.]+$/i.test(name) && name !== "credential.helper") {
    machine.git("config", name, program)
  }
  CANARIES[name]?.bring(trap)
}

function linkHooks(folder: string, program: string): void {
  mkdirSync(folder, { recursive: true })
  for (const hook of HOOKS) execFileSync("ln", ["-sf", program, join(folder, hook)])
}

/** Leads a branch to a commit like the one before HEAD, but one that claims to be signed. */
function signedBranch(machine: World, branch: string): void {
  const text = machine.git("cat-file", "commit", "HEAD~1")
  const lie = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"
  const args = ["hash-object", "-w", "--literally", "-t", "commit", "--stdin"]
  const input = `${text.replace("\n\n", `\n${lie}`)}\n`
  const commit = execFileSync("git", args, { cwd: machine.top, input, encoding: "utf8" })
  // Without git, which would run a hook for it.
  writeFileSync(join(machine.top, ".git/refs/heads", branch), commit)
}
