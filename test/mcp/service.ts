import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { compilePatterns, redactText } from "../../src/core/index.js"
import { Service } from "../broker/proxy/broker-world.js"
import type { Machine } from "../cli/machine.js"

/** A service under TLS at `api.localhost`, which the machine trusts. */
export async function serviceFor(machine: Machine): Promise<Service> {
  const service = await Service.start("api.localhost")
  trustOn(machine, service)
  return service
}

/** Another machine, or a copy, that trusts it too. */
export function trustOn(machine: Machine, service: Service): void {
  const roots = join(machine.home, "upstream.pem")
  writeFileSync(roots, service.root)
  machine.env["NODE_EXTRA_CA_CERTS"] = roots
}

/** A machine's command, which has to do its work. */
export async function done(on: Machine, argv: readonly string[], stdin = ""): Promise<string> {
  const { code, stdout, stderr } = await on.call(argv, stdin)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** The names of the values that stand in a text, in any form that the redactor knows. */
export function valuesIn(text: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const patterns = compilePatterns([{ name, value: Buffer.from(value) }])
    return redactText(patterns, text) === text ? [] : [name]
  })
}
