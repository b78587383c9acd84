import { type Environment, LIMITS, VaultError, isErrno } from "../../core/index.js"
import { EndedWithUs, printedBy } from "../../core/owner.js"
import { childEnvironment } from "../run/program-environment.js"

// Files of https://getsops.io: the keys are plain, the values sealed one by one, and a branch `sops`
// says by which keys they are opened. Only sops knows them all, so sops opens such a file.

/** Whether sops sealed a file: it then says so itself, with a message authentication code. */
export function isSealedBySops(bytes: Uint8Array, format: "dotenv" | "json" | "yaml"): boolean {
  const text = Buffer.from(bytes).toString("utf8")
  if (format === "dotenv") return /^sops_mac=/m.test(text)
  const hasBranch = format === "json" ? /"sops"\s*:\s*\{/.test(text) : /^sops:\s*$/m.test(text)
  return hasBranch && /\bmac"?\s*:\s*["']?ENC\[/.test(text)
}

/** A signal to us alone would leave sops running, with the keys that it opens the file by. */
const withUs = new EndedWithUs()

/**
 * What sops prints of a file, as JSON: it stays in memory. Nothing that sops says is shown, since it
 * may quote the file. Throws `COMMAND_NOT_FOUND`, `CONFIG_INVALID`.
 */
export async function decryptedBySops(
  path: string,
  shown: string,
  format: "dotenv" | "json" | "yaml",
  env: Environment,
): Promise<Uint8Array> {
  const args = ["--decrypt", "--input-type", format, "--output-type", "json", path]
  try {
    // sops finds its keys by the user's environment, and needs nothing of ours. It may wait for a person.
    const sops = { file: "sops", args, env: childEnvironment(env, new Map(), false) }
    const terms = { most: LIMITS.importFile, ended: withUs.signal }
    return await withUs.during(() => printedBy(sops, terms))
  } catch (cause) {
    if (cause instanceof Error && isErrno(cause.cause, "ENOENT")) {
      throw new VaultError("COMMAND_NOT_FOUND", `${shown} was sealed by sops, which is not here`, {
        hint: "install sops (https://getsops.io), or import what `sops decrypt` prints elsewhere",
      })
    }
    throw new VaultError("CONFIG_INVALID", `sops does not open ${shown}`, {
      hint: `see why: sops --decrypt --output-type json ${shown}`,
      cause,
    })
  }
}
