import { openKeyFile, writeUnderPassphrase } from "./key-passphrase.js"
import type { AskPassphrase } from "./key-files.js"

/** As a key file is read: each line without the blanks around it. */
const TRUST = /^[ \t]*# trust: (\S+)[ \t\r]*$/gm

/**
 * Has a key file name another owner to trust, and keep the rest as it is, under its passphrase too.
 * False where it names that one already, or nobody. Throws `KEY_NOT_FOUND`, `KEY_INVALID`,
 * `PASSPHRASE_WRONG`, and what `ask` throws.
 */
export async function setKeyFileTrust(
  file: string,
  signer: string,
  ask: AskPassphrase,
): Promise<boolean> {
  let passphrase: string | undefined
  const opened = await openKeyFile(file, async (shown) => (passphrase = await ask(shown)))
  const text = Buffer.from(opened.text).toString("utf8")
  const named = Array.from(text.matchAll(TRUST), ([, each]) => each)
  if (named.every((each) => each === signer)) return false
  const changed = Buffer.from(text.replaceAll(TRUST, `# trust: ${signer}`))
  await writeUnderPassphrase({ ...opened, text: changed }, passphrase)
  return true
}
