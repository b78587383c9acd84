import { platform } from "node:os"
import type { ReferenceStore } from "./reference-store.js"

/**
 * The keychain of macOS, by `security find-generic-password`, which ends the value with a newline;
 * elsewhere the Secret Service, by `secret-tool lookup`, which does not where it is piped.
 */
export const SYSTEM_KEYCHAIN: ReferenceStore = {
  form: "keychain:SERVICE/ACCOUNT",
  reference:
    /^keychain:(?<service>[A-Za-z0-9][A-Za-z0-9 _.@:-]{0,127})\/(?<account>[A-Za-z0-9][A-Za-z0-9 _.@:-]{0,127})$/,
  mend: "unlock the keychain, and look whether the entry is there",
  async read({ service = "", account = "" }, { run }) {
    if (platform() !== "darwin") {
      return run("secret-tool", ["lookup", "service", service, "account", account])
    }
    const said = await run("security", [
      "find-generic-password",
      "-s",
      service,
      "-a",
      account,
      "-w",
    ])
    return said.at(-1) === 0x0a ? said.subarray(0, -1) : said
  },
}
