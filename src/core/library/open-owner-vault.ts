import type { AskPassphrase } from "../keys/key-files.js"
import { findVault } from "../disk/place.js"
import type { ReadEvent } from "../audit/read-event.js"
import type { Progress } from "../words/progress.js"
import { identityAt, withVault } from "../vault/open.js"
import {
  auditAt,
  choiceOf,
  environmentOf,
  nobodyToAsk,
  type OpenOptions,
  warnOnce,
} from "./open-vault.js"
import { OwnerVault } from "./owner-vault.js"
import type { ReaderRequest } from "./reader.js"

/** Which vault, and with which owner's key. Without one it is the owner's key of this machine. */
export interface OpenOwnerOptions {
  /** A folder in the repository of the vault; by default the current one. */
  readonly dir?: string | undefined
  /** The content of an owner's key file. */
  readonly identity?: string | undefined
  /** The path of an owner's key file. */
  readonly identityFile?: string | undefined
  /** Asked for the passphrase of a key file that has one. */
  readonly passphrase?: AskPassphrase | undefined
  /** The owner to trust, `ed25519:…`, where neither key file nor pin says it. */
  readonly trust?: string | undefined
  /** Where reads are noted, as for `openVault()`. */
  readonly audit?: OpenOptions["audit"]
  /** Called at every read, before the value is handed out. If it throws, the value stays inside. */
  readonly onRead?: ((event: ReadEvent) => void) | undefined
  /** Called after each step of a long operation. */
  readonly onProgress?: Progress | undefined
  /** Instead of `process.env`. */
  readonly env?: ReaderRequest["env"] | undefined
}

/**
 * Opens the vault of a folder for an owner, who may change it. Needs Git. Throws what `openVault()`
 * throws, and `PASSPHRASE_WRONG`; whether the key is an owner's is asked at each change: `NOT_OWNER`.
 *
 * @example
 * import { openOwnerVault } from "agent-vault/owner"
 * await using vault = await openOwnerVault({ dir: "." })
 * await vault.set("stripe/api-key", newKey, { env: "STRIPE_API_KEY" })
 * await vault.grant("ci", ["stripe"], { for: "30d" })
 */
export async function openOwnerVault(options: OpenOwnerOptions = {}): Promise<OwnerVault> {
  const env = environmentOf(options)
  const place = findVault(options.dir ?? ".")
  const { onRead, onProgress, passphrase = nobodyToAsk } = options
  const key = await identityAt(place, choiceOf(options), "always", env, passphrase)
  const onNote = warnOnce()
  const id = await withVault(place, key.trust, env, (vault) => vault.id, onNote)
  const audit = auditAt(id, options.audit, env)
  const outlet = { surface: "sdk" } as const
  return new OwnerVault(id, { place, key, env, outlet, audit, onRead, onProgress, onNote })
}
