import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build as esbuild } from "esbuild"
import { build as vite } from "vite"
import { afterAll, beforeAll, expect, test } from "vitest"
import webpack from "webpack"
import { type World, vaultWorld } from "../core/world.js"
import { Consumer } from "./pack.js"

/** A program that a bundler made of the package runs, alone in a folder, as either kind of module. */

let consumer: Consumer
let world: World
let entry: string
let out: string

beforeAll(async () => {
  consumer = new Consumer()
  world = await vaultWorld()
  out = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-bundle-")))
  entry = consumer.write(
    "app.mjs",
    `import { openVault, AgentVault, SecretValue, VaultError } from "agent-vault"
     import { openOwnerVault } from "agent-vault/owner"
     async function app() {
       const [, , dir, name] = process.argv
       const vault = await openVault({ dir, agent: "ci" })
       const key = await vault.get("stripe/api-key")
       const none = await vault.get("stripe/none").catch((error) => error)
       console.log(key.reveal() === "old", key instanceof SecretValue, VaultError.is(none, "SECRET_NOT_FOUND"))
       await vault.close()
       const owner = await openOwnerVault({ dir })
       await owner.set(name, "new")
       console.log(owner instanceof AgentVault, String(await owner.get(name)))
       await owner.close()
     }
     app()`,
  )
})
afterAll(() => {
  consumer.remove()
  world.remove()
  rmSync(out, { recursive: true, force: true })
})

type Kind = "esm" | "cjs"

const BUNDLERS = {
  esbuild: async (kind: Kind, folder: string) => {
    const how = { bundle: true, platform: "node", target: "node20", logLevel: "silent" } as const
    const outfile = join(folder, kind === "esm" ? "app.mjs" : "app.cjs")
    await esbuild({ ...how, entryPoints: [entry], format: kind, outfile })
  },
  vite: async (kind: Kind, folder: string) => {
    const file = kind === "esm" ? "app.mjs" : "app.cjs"
    await vite({
      root: consumer.project,
      configFile: false,
      logLevel: "silent",
      ssr: { noExternal: true },
      build: {
        ssr: entry,
        outDir: folder,
        rollupOptions: { output: { format: kind, entryFileNames: file } },
      },
    })
  },
  webpack: async (kind: Kind, folder: string) => {
    const isModule = kind === "esm"
    const compiler = webpack({
      context: consumer.project,
      entry,
      target: "node20",
      mode: "none",
      experiments: { outputModule: isModule },
      output: {
        path: folder,
        filename: isModule ? "app.mjs" : "app.cjs",
        ...(isModule ? { library: { type: "module" }, chunkFormat: "module" } : {}),
      },
    })
    await new Promise<void>((resolve, reject) => {
      compiler?.run((error, stats) => {
        if (error !== null) reject(error)
        else if (stats?.hasErrors() === true) reject(new Error(stats.toString()))
        else compiler.close(() => resolve())
      })
    })
  },
}

const CASES = Object.keys(BUNDLERS).flatMap((name) =>
  (["esm", "cjs"] as const).map((kind) => [name as keyof typeof BUNDLERS, kind] as const),
)

test.each(CASES)("%s, %s", async (name, kind) => {
  const folder = join(out, `${name}-${kind}`)
  await BUNDLERS[name](kind, folder)
  const file = readdirSync(folder).find((each) => /^app\.[cm]js$/.test(each)) ?? ""
  const argv = [join(folder, file), world.top, `stripe/by-${name}-${kind}`]
  const ran = spawnSync(process.execPath, argv, { cwd: out, env: world.env, encoding: "utf8" })
  expect([ran.stderr, ran.status, ran.stdout]).toEqual([
    "",
    0,
    ["true true true", `true [secret stripe/by-${name}-${kind}: use .reveal()]`, ""].join("\n"),
  ])
})

// Keys that are seldom used are loaded late: also what the programs above did not come to.
test("a bundler can follow all that the library requires", () => {
  const lib = join(consumer.project, "node_modules/agent-vault/dist/lib")
  const code = readdirSync(lib).filter((each) => /\.c?js$/.test(each))
  // Between quotes it is text: of code that ajv would write.
  const required = code.flatMap((file) =>
    [
      ...readFileSync(join(lib, file), "utf8").matchAll(/\w*(?<!['.])require\w*\)?\("[^"]*"\)/g),
    ].map(([call]) => call),
  )
  expect(required.length).toBeGreaterThan(10)
  expect(required.filter((call) => !/^require\("\.\/[\w-]+\.c?js"\)$/.test(call))).toEqual([])
})

// docs/decisions/0036: a function in brackets is compiled with its file, another at its first call.
test("what the reader's library loads is compiled as it is loaded", () => {
  const program = `require("agent-vault"); console.log(JSON.stringify(Object.keys(require.cache)))`
  const { stdout } = consumer.run(consumer.write("loaded.cjs", program), [], world.env)
  const loaded = (JSON.parse(stdout) as string[]).filter((file) => file.includes("dist/lib/"))
  const functions = loaded.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^(?:var \w+ = \()?(?:async )?function\b/gm)].map(
      ([start]) => start,
    ),
  )
  expect(functions.length).toBeGreaterThan(300)
  expect(functions.filter((start) => !start.startsWith("var "))).toEqual([])
})
