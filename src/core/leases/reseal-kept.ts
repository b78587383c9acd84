import { seal, unseal } from "../age/age.js"
import { FileTurn } from "../disk/file-turn.js"
import { readRegularFile, replaceFile } from "../disk/files.js"
import { type Environment, inHome } from "../disk/homes.js"
import { VaultError } from "../words/errors.js"
import { LIMITS } from "../words/limits.js"
import { keptFiles } from "./keepers.js"
import type { LeaseReader } from "./lease-issuer.js"

/** How long the agent may take for an exchange that is under way, in ms. */
const PATIENCE_MS = 45_000

/** Whose what is kept will be: an agent with a new key. */
export type Renewed = Pick<LeaseReader, "name" | "recipient" | "owners">

/**
 * Seals what an agent keeps on this machine to its new key, and to the owners, by the key of one of
 * them. Resolves to why a file is as it was: its agent is refused until it is gone.
 */
export async function resealKept(
  vault: string,
  agent: Renewed,
  identity: string,
  env: Environment,
): Promise<readonly VaultError[]> {
  try {
    const files = keptFiles(vault, agent.name, env)
    const faults = await Promise.all(files.map((file) => fault(file, agent, identity)))
    return faults.filter((each) => each !== undefined)
  } catch (error) {
    if (!VaultError.is(error)) throw error
    return [error]
  }
}

async function fault(
  file: string,
  agent: Renewed,
  identity: string,
): Promise<VaultError | undefined> {
  try {
    await resealFile(file, agent, identity)
    return undefined
  } catch (cause) {
    if (!VaultError.is(cause)) throw cause
    const message = `${file} is still sealed to the old key of ${agent.name}: ${cause.message}`
    const hint = "set the latest refresh token, which an owner finds in it, and remove the file"
    return new VaultError(cause.code, message, { hint, cause })
  }
}

async function resealFile(file: string, agent: Renewed, identity: string): Promise<void> {
  const turn = inHome("state", () => new FileTurn(file))
  try {
    await turn.takeLong(async () => {
      const bytes = inHome("state", () => readRegularFile(file, LIMITS.value))
      if (bytes === undefined) return
      const text = await unseal(bytes, [identity])
      const sealed = await sealedAnew(text, agent)
      inHome("state", () => replaceFile(file, sealed, 0o600))
    }, PATIENCE_MS)
  } finally {
    turn.end()
  }
}

/** A text is overwritten whether it is sealed or not. */
async function sealedAnew(text: Uint8Array, { recipient, owners }: Renewed): Promise<Uint8Array> {
  try {
    return await seal(text, [...new Set([recipient, ...owners])])
  } finally {
    text.fill(0)
  }
}
