import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Machine, vaultMachine } from "../machine.js"

/** A value that must be on no page. */
export const VALUE = ["not", "a", "real", "value", "Qk41vZ"].join("-")
/** What whoever may push can write without a key. */
const HOSTILE = `<img src=x onerror=alert(1)>"'&`

/**
 * A vault in which there is something of everything: grants with an end, a wish for one and one
 * against one, what is exposed and what ends soon, uses and reads, and texts that are hostile.
 */
export async function busyMachine(): Promise<Machine> {
  const machine = await vaultMachine()
  const run = async (argv: readonly string[], stdin = ""): Promise<void> => {
    const { code, stderr } = await machine.call(argv, stdin)
    if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`)
  }
  await run(["set", "stripe/api-key", "--description", `payments ${HOSTILE}`], VALUE)
  await run(["set", "stripe/webhook", "--expires", "12d"], `${VALUE}-2`)
  await run(["set", "mail/smtp"], `${VALUE}-3`)
  await run(["use", "stripe/api-key", "stripe", "--yes"])
  await run(["agent", "add", "reporter"])
  await run(["grant", "reporter", "mail"])
  await run(["revoke", "reporter", "mail"])
  const soon = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10)
  await run(["grant", "deploy", "db", "--until", soon])
  await run(["get", "stripe/api-key", "--agent", "ci"])
  wish(machine, `  - { agent: deploy, group: stripe, reason: ${JSON.stringify(HOSTILE)} }\n`)
  return machine
}

/** Adds a line to the manifest: nobody signs it. */
export function wish(machine: Machine, line: string): void {
  const file = join(machine.repo, ".agent-vault", "manifest.yaml")
  writeFileSync(file, `${readFileSync(file, "utf8")}${line}`)
}
