// Prints where Chromium is, and playwright-core, which drives it, with which the tests look at our
// pages; installs them on the first call, where that is possible. Exit code 3: one cannot be had.
import { fileURLToPath } from "node:url"
import { pinnedNpm, printFound } from "./pinned.mjs"
import { systemPackage } from "./system-package.mjs"

const what = "with which the tests look at pages"

/** Finds Chromium. */
export function chromium() {
  return systemPackage("chromium", what)
}

/** Finds playwright-core, which downloads no browser: the file to import. */
export function playwright() {
  const pins = new URL("browser/", import.meta.url)
  const product = "node_modules/playwright-core/index.mjs"
  return pinnedNpm({ name: "playwright-core", what, pins, product })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  printFound([await chromium(), await playwright()])
}
