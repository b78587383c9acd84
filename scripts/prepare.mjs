// npm runs this after an install in a clone, and before it packs a clone that it made itself, for
// somebody who installs by our address, as the pre-commit framework does.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ensureBuilt, ensureInstalled } from "./ensure.mjs"

const isThere = (/** @type {string} */ path) =>
  existsSync(fileURLToPath(new URL(path, import.meta.url)))
const husky = "../node_modules/husky/bin.js"

// `npm install -g` hands its -g on to the install in its clone, which then brings nothing there.
const isGlobal = process.env["npm_config_global"] === "true"
if (isGlobal) {
  for (const name of ["global", "prefix", "global_prefix", "local_prefix", "location"]) {
    delete process.env[`npm_config_${name}`]
  }
  await ensureInstalled()
} else if (isThere(husky)) {
  // Without hooks there is still everything else: in a clone that is only read, say.
  spawnSync(process.execPath, [fileURLToPath(new URL(husky, import.meta.url))], {
    stdio: "inherit",
  })
}
// Who develops is not kept from installing by sources that do not build; ensure.mjs builds later.
if (process.env["npm_command"] !== "ci" && isThere("../node_modules/esbuild")) await ensureBuilt()
