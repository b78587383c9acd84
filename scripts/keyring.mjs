// Prints where the programs of GNOME's keyring are, in which the tests put an owner's key; installs them
// where that is possible. Exit code 3: one of them cannot be had here.
import { fileURLToPath } from "node:url"
import { printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const what = "with which the tests try a keychain"

/** @returns {Promise<import("./system-package.mjs").Found[]>} */
export async function keyring() {
  return [
    await systemPackage("dbus-run-session", what, "dbus-daemon"),
    await systemPackage("dbus-send", what, "dbus-bin"),
    await systemPackage("gnome-keyring-daemon", what, "gnome-keyring"),
    await systemPackage("secret-tool", what, "libsecret-tools"),
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound(await keyring())
