// Prints where the programs are that the tests try hooks and settings with: Claude Code, Codex, Gemini
// CLI and sandbox-runtime; installs them on the first call, in the versions and with the digests that
// hook-clients/ names. Exit code 3: they cannot be had here.
import { fileURLToPath } from "node:url"
import { pinnedNpm, printFound } from "./pinned.mjs"

const pins = new URL("hook-clients/", import.meta.url)

/** Finds the node_modules with the programs. */
export async function hookClients() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "Claude Code and Codex are pinned for Linux on x64" }
  }
  return pinnedNpm({
    name: "hook-clients",
    what: "whose hooks are tried",
    pins,
    product: "node_modules",
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printFound([await hookClients()])
