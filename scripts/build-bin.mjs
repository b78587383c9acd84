// Bundles the command, dependencies included.
import { chmod } from "node:fs/promises"
import { join } from "node:path"
import { writeBundle, writeSingle } from "./build-bundle.mjs"
import { root } from "./build-places.mjs"

const commands = "src/cli/commands"
const run = `${commands}/programs/run.ts`
const look = ["run-guard", "look/look", "look/scan"].map((name) => `src/precommit/${name}.ts`)
const guard = [`${commands}/guard/guard.ts`, ...look]

/** What starts often, by what it loads: all of it in a few files. */
const doors = [
  [`${commands}/secrets/get.ts`],
  [run],
  [run, "src/cli/run/blind.ts", "src/broker/blind-run.ts"],
  guard,
  // Where there is a vault.
  [...guard, "src/core/own-values/own-values.ts", "src/precommit/report/report.ts"],
  [`${commands}/clients/mcp.ts`, "src/mcp/serve.ts"],
  [`${commands}/programs/bridge.ts`],
  [`${commands}/upkeep/completion.ts`],
  [`${commands}/programs/hook-env.ts`],
  [`${commands}/clients/hooks-answer.ts`],
].map((sources) => ["src/cli/bin.ts", ...sources])

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
  const files = await writeBundle(folder, entries, ".cjs", doors)
  files.push(...(await writeSingle(join(root, "src/start/start.ts"), join(folder, "bin.cjs"))))
  // Runs inside of other programs, also where nothing else of ours is.
  const preload = join(root, "src/broker/preload/node-preload.ts")
  files.push(...(await writeSingle(preload, join(folder, "node-preload.cjs"))))
  await chmod(join(folder, "bin.cjs"), 0o755)
  return files
}
