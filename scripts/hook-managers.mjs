// Prints where lefthook and pre-commit are, through which the tests make commits; installs them on
// the first call, in the versions and with the digests that hook-managers/ names. lefthook is not a
// dependency of ours, since its install script would put its hooks beside husky's. Exit code 3: one
// of them cannot be had here.
import { fileURLToPath } from "node:url"
import { pinnedNpm, pinnedPython, printFound } from "./pinned.mjs"

const pins = new URL("hook-managers/", import.meta.url)
const what = "with which the tests commit"

/** Finds lefthook: the folder for PATH, of the program itself, not of what starts it through Node. */
export function lefthook() {
  const system = process.platform === "win32" ? "windows" : process.platform
  const product = `node_modules/lefthook-${system}-${process.arch}/bin`
  return pinnedNpm({ name: "lefthook", what, pins, product })
}

/** Finds the pre-commit framework: the Python that has it, for `-m pre_commit`. */
export function preCommit() {
  return pinnedPython({ name: "pre-commit", what, pins })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound([await lefthook(), await preCommit()])
}
