// Prints where zsh and fish are, with which the tests try the shell hook; installs them on the first
// call, where that is possible. Exit code 3: one of them cannot be had here.
import { fileURLToPath } from "node:url"
import { printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

/**
 * Finds a shell.
 *
 * @param {"zsh" | "fish"} name
 */
export function shell(name) {
  return systemPackage(name, "with which the tests try the shell hook")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound([await shell("zsh"), await shell("fish")])
}
