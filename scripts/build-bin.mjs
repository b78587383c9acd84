// Bundles the command, dependencies included.
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { writeBundle, writeSingle } from "./build-bundle.mjs"
import { root } from "./build-places.mjs"

/**
 * Resolves to the files that went into it, from the project's root.
 *
 * @param {string} folder
 */
export async function writeBin(folder) {
  const entries = {
    main: join(root, "src/cli/bin.ts"),
    // Started by its path, beside the chunks.
    "reseal-worker": join(root, "src/core/change/reseal-worker.ts"),
    "listen-inside": join(root, "src/broker/isolate/listen-inside.ts"),
  }
  const files = await writeBundle(folder, entries, ".cjs")
  files.push(...(await writeSingle(join(root, "src/start/start.ts"), join(folder, "bin.cjs"))))
  // Runs inside of other programs, also where nothing else of ours is.
  const preload = join(root, "src/broker/preload/node-preload.ts")
  files.push(...(await writeSingle(preload, join(folder, "node-preload.cjs"))))
  await chmod(join(folder, "bin.cjs"), 0o755)
  return files
}
