// Builds dist/ and the compiled validators: `node scripts/build.mjs [validators|bin|library]...`,
// everything when nothing is named.
import { spawnSync } from "node:child_process"
import { cp, mkdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { writeBin } from "./build-bin.mjs"
import { writeLicenses } from "./build-licenses.mjs"
import { writeLibrary } from "./build-library.mjs"
import { writeValidators } from "./build-validators.mjs"
import { generated, root } from "./build-places.mjs"

const dist = join(root, "dist")

/**
 * Compiles src/core, types included, to dist/core, for benchmarks and vectors; and bundles it to
 * dist/lib, the npm package's library.
 */
async function buildLibrary() {
  await replaceFolder(join(dist, "core"), async (folder) => {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const args = [tsc, "--project", "tsconfig.build.json", "--outDir", folder]
    const { status } = spawnSync(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    })
    if (status !== 0) throw new Error("src/core does not compile")
    await cp(generated, join(folder, "records/generated"), { recursive: true })
  })
  await replaceFolder(join(dist, "lib"), (folder) => writeLibrary(folder, join(dist, "core")))
}

/**
 * Bundles the command, dependencies included, to dist/cli. The library's dependencies are among
 * them, so their licences are written here.
 */
async function buildBin() {
  await replaceFolder(join(dist, "cli"), async (folder) => {
    await writeLicenses(join(folder, "third-party-licenses.txt"), await writeBin(folder))
  })
}

/**
 * Fills a new folder and puts it in the place of the old one, which stays if filling fails.
 *
 * @param {string} folder
 * @param {(empty: string) => Promise<void>} fill
 */
async function replaceFolder(folder, fill) {
  const fresh = `${folder}.${process.pid}`
  try {
    await mkdir(fresh, { recursive: true })
    await fill(fresh)
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/** @type {Record<string, () => Promise<void>>} */
const steps = { validators: writeValidators, bin: buildBin, library: buildLibrary }

const named = process.argv.slice(2)
try {
  for (const name of named.length > 0 ? named : Object.keys(steps)) {
    const step = steps[name]
    if (!step) throw new Error(`no step ${name}: choose from ${Object.keys(steps).join(", ")}`)
    await step()
  }
} catch (error) {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
