import { basename, join } from "node:path"
import { listFolder } from "../disk/at-path.js"
import { createFile, makeFolder, readRegularFile, removeFile } from "../disk/files.js"
import { type Environment, inHome, stateHome } from "../disk/homes.js"
import { type SecretName, parseSecretName } from "../words/names.js"

/** What a person agrees to, and the folder of the vault's state that remembers it. */
const FOLDERS = { source: "sources", rotation: "rotations" } as const
const SUFFIX = ".agreed"
const FINGERPRINT = /^[0-9a-f]{32}$/
/** A file holds the name of its secret, and a newline. */
const LARGEST = 1024

/** That a person on this machine agreed to what a record names. */
export interface Agreement {
  /** To where the value comes from, or to the programs that rotate it. */
  readonly to: keyof typeof FOLDERS
  /** The word for the secret and what was agreed to, in 32 hex digits. */
  readonly fingerprint: string
  /** Absent where the file does not say it. */
  readonly secret?: string
}

/** Whether a person on this machine agreed to this. Throws `NO_ACCESS`, `FILE_UNSAFE`. */
export function isAgreedTo(
  vault: string,
  { to, fingerprint }: Pick<Agreement, "to" | "fingerprint">,
  env: Environment,
): boolean {
  return readRegularFile(fileOf(vault, { to, fingerprint }, env), LARGEST) !== undefined
}

/** Remembers that a person did. Throws `NO_ACCESS`. */
export function agreeTo(
  vault: string,
  to: Agreement["to"],
  { full }: SecretName,
  fingerprint: string,
  env: Environment,
): void {
  const file = fileOf(vault, { to, fingerprint }, env)
  inHome("state", () => {
    makeFolder(folderOf(vault, to, env), 0o700)
    createFile(file, `${full}\n`, 0o600)
  })
}

/** All that people on this machine agreed to, by secret. Throws `NO_ACCESS`, `FILE_UNSAFE`. */
export function agreements(vault: string, env: Environment): Agreement[] {
  const kinds = Object.keys(FOLDERS) as Agreement["to"][]
  const found = kinds.flatMap((to) =>
    inHome("state", () => listFolder(folderOf(vault, to, env))).flatMap((file) => {
      const fingerprint = basename(file, SUFFIX)
      if (!file.endsWith(SUFFIX) || !FINGERPRINT.test(fingerprint)) return []
      return [{ to, fingerprint, ...secretOf(fileOf(vault, { to, fingerprint }, env)) }]
    }),
  )
  const keyOf = ({ secret = "", to, fingerprint }: Agreement): string =>
    `${secret}\n${to}\n${fingerprint}`
  return found.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
}

/** Takes an agreement back: what it was to runs only after another one. Throws `NO_ACCESS`. */
export function takeBack(vault: string, agreement: Agreement, env: Environment): void {
  inHome("state", () => removeFile(fileOf(vault, agreement, env)))
}

/** Whoever writes to the state folder may have written anything. */
function secretOf(file: string): Pick<Agreement, "secret"> {
  const text = Buffer.from(readRegularFile(file, LARGEST) ?? []).toString("utf8")
  try {
    return { secret: parseSecretName(text.trimEnd()).full }
  } catch {
    return {}
  }
}

function folderOf(vault: string, to: Agreement["to"], env: Environment): string {
  return join(stateHome(env), vault, FOLDERS[to])
}

function fileOf(
  vault: string,
  { to, fingerprint }: Pick<Agreement, "to" | "fingerprint">,
  env: Environment,
): string {
  return join(folderOf(vault, to, env), `${fingerprint}${SUFFIX}`)
}
