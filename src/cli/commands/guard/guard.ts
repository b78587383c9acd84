import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { VaultError } from "../../../core/index.js"
import type { Subject } from "../../../serving/guarding.js"
import type { Door } from "../../door/door.js"
import { say, writeOut } from "../../terminal/terminal.js"

declare const AGENT_VAULT_VERSION: string

const FORMS = ["json", "sarif", "fingerprints"] as const

// It starts at every commit, so it loads nothing that knows keys: who.ts would.

/** Looks at what would be committed, or at what was asked for. */
export async function run(door: Door): Promise<number> {
  const { terminal, cwd, env } = door
  const form = onlyOne(door, FORMS) ?? "people"
  const subject = await subjectOf(door)
  const explain = isToExplain(door, subject)
  const others = await door.others.guard()
  return others.guard({
    subject,
    form,
    explain,
    cwd,
    env,
    version: AGENT_VAULT_VERSION,
    write: async (document) => {
      await writeOut(terminal, document)
    },
    say: (line) => say(terminal, line),
  })
}

async function subjectOf(door: Door): Promise<Subject> {
  const paths = door.call.words
  const { range, "pre-push": remote } = door.call.options
  const named = onlyOne(door, ["all", "stdin"] as const)
  const given = [named, range, remote, paths[0]].filter((each) => each !== undefined)
  if (given.length > 1) {
    throw new VaultError(
      "USAGE",
      "a range, a push, all, stdin and files are different things to look at",
      {
        hint: "give one of them; what is staged is looked at without any",
      },
    )
  }
  if (typeof range === "string") return { is: "range", range }
  if (paths.length > 0) {
    await refuseNearCommand(door, paths)
    return { is: "paths", paths }
  }
  if (named !== "stdin" && typeof remote !== "string") return { is: named ?? "staged" }
  const { readAll } = await import("../../terminal/input.js")
  const bytes = await readAll(door.terminal)
  if (typeof remote !== "string") return { is: "text", bytes }
  return { is: "push", remote, lines: Buffer.from(bytes).toString("utf8") }
}

/** Single matches are explained of what a person looks at, and in forms that have room for them. */
function isToExplain(door: Door, { is }: Subject): boolean {
  const only = onlyOne(door, ["explain", "sarif", "fingerprints"] as const)
  if (only !== "explain") return false
  if (is === "paths" || is === "text") return true
  throw new VaultError("USAGE", "--explain looks at files, or at a text with --stdin", {
    hint: "agent-vault guard --explain FILE",
  })
}

/** `guard instal` means a command, unless there is such a file. */
async function refuseNearCommand(door: Door, [first = ""]: readonly string[]): Promise<void> {
  if (existsSync(resolve(door.cwd, first))) return
  const { nearSubcommand } = await import("../../parse/help.js")
  const near = nearSubcommand("guard", first)
  if (near === undefined) return
  const message = `guard has no command ${first}, and there is no such file`
  throw new VaultError("USAGE", message, { hint: `did you mean ${near}?` })
}

function onlyOne<T extends string>(door: Door, names: readonly T[]): T | undefined {
  const [first, second] = names.filter((name) => door.call.options[name] === true)
  if (second === undefined) return first
  throw new VaultError("USAGE", `--${first} and --${second} ask for different things`, {
    hint: "give one of them",
  })
}
