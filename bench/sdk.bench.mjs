// What the library costs a program that uses it: each round is a process of its own, which measures
// itself. Under `import` it is an ES module, as most programs are.
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeVault } from "./vaults.mjs"

const library = new URL("../dist/lib/npm.cjs", import.meta.url)
const ROUNDS = 11

/** Prints what each step took, in milliseconds. */
const program = `
  import { createRequire } from "node:module"
  const [how, library, dir, identityFile] = process.argv.slice(2)
  const times = {}
  async function time(name, count, work) {
    const start = performance.now()
    for (let at = 0; at < count; at++) await work()
    times[name] = (performance.now() - start) / count
  }
  let openVault
  await time("import", 1, async () => {
    ;({ openVault } = how === "import" ? await import(library) : createRequire(import.meta.url)(new URL(library).pathname))
  })
  let vault
  await time("first", 1, async () => {
    vault = await openVault({ dir, identityFile })
    await vault.get("bulk/s00000")
  })
  await vault.get("bulk/s00000")
  await time("warm", 1000, () => vault.get("bulk/s00000"))
  const names = Array.from({ length: 100 }, (_, at) => "bulk/s" + String(at).padStart(5, "0"))
  await time("many", 1, () => vault.getMany(names))
  await time("manyWarm", 20, () => vault.getMany(names))
  await vault.close()
  console.log(JSON.stringify(times))`

/** @param {import("./run.mjs").Bench} bench */
export default async ({ node, reported }) => {
  for (const keys of /** @type {const} */ (["x25519", "mlkem768x25519"])) {
    const { repo, env, keyFiles } = await makeVault({ secrets: 1000, agents: 20, keys })
    const file = join(dirname(repo), "program.mjs")
    writeFileSync(file, program)
    // What is younger than 100 ms is read anew each time.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const run = (/** @type {string} */ how) => {
      const argv = [file, how, library.href, repo, keyFiles[0] ?? ""]
      const { status, stdout, stderr } = spawnSync(node, argv, { env, encoding: "utf8" })
      if (status !== 0 || stderr !== "") throw new Error(stderr)
      return JSON.parse(stdout)
    }
    const rounds = Array.from({ length: ROUNDS + 1 }, () => run("import")).slice(1)
    const of = (/** @type {string} */ step) => rounds.map((times) => Number(times[step]))
    const isClassic = keys === "x25519"
    if (isClassic) {
      reported("sdk, import", of("import"), { budget: 40 })
      const required = Array.from({ length: ROUNDS }, () => Number(run("require").import))
      reported("sdk, require", required, { budget: 40 })
    }
    reported(`sdk, first get, ${keys}`, of("first"), isClassic ? { budget: 15 } : {})
    reported(`sdk, warm get, ${keys}`, of("warm"), { budget: 0.1 })
    reported(`sdk, getMany(100), from files, ${keys}`, of("many"))
    reported(`sdk, getMany(100), warm, ${keys}`, of("manyWarm"))
    rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
  }
}
