import { keychainProgram } from "../disk/keychain-program.js"
import type { ReferenceStore } from "./reference-store.js"

/** The keychain of macOS, by `security`; elsewhere the Secret Service, by `secret-tool`. */
export const SYSTEM_KEYCHAIN: ReferenceStore = {
  form: "keychain:SERVICE/ACCOUNT",
  // Of agent-vault itself, what lies there are owners' keys, which no vault's value is.
  reference:
    /^keychain:(?!agent-vault\/)(?<service>[A-Za-z0-9][A-Za-z0-9 _.@:-]{0,127})\/(?<account>[A-Za-z0-9][A-Za-z0-9 _.@:-]{0,127})$/,
  mend: "unlock the keychain, and look whether the entry is there",
  async read({ service = "", account = "" }, { run }) {
    const keychain = keychainProgram()
    return keychain.found(await run(keychain.name, keychain.find({ service, account })))
  },
}
