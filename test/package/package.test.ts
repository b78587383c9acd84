import { execFileSync } from "node:child_process"
import { readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { seal } from "../../src/core/age/age.js"
import {
  type SecretRecord,
  digestOf,
  encodeRecord,
  signRecord,
} from "../../src/core/records/record.js"
import { signingKey } from "../../src/core/records/signature.js"
import { type World, vaultWorld } from "../core/world.js"
import { Consumer, root, runTool } from "./pack.js"

let consumer: Consumer
let world: World

beforeAll(async () => {
  consumer = new Consumer()
  world = await vaultWorld()
})
afterAll(() => {
  consumer.remove()
  world.remove()
})

const env = (): NodeJS.ProcessEnv => ({ ...world.env })

describe("the tarball", () => {
  test("holds the program, the library, its types, and nothing else", () => {
    const listing = execFileSync("tar", ["-tzf", consumer.tarball], { encoding: "utf8" })
    const files = listing.trimEnd().split("\n")
    const expected =
      /^package\/(?:package\.json|README\.md|LICENSE|\.vault-manifest\.schema\.json|dist\/cli\/[\w-]+\.cjs|dist\/lib\/(?:[\w-]+\.(?:js|cjs|d\.ts)|[\w-]+\/[\w-]+\.d\.ts|package\.json)|dist\/cli\/third-party-licenses\.txt)$/
    expect(files.filter((file) => !expected.test(file))).toEqual([])
    for (const file of [
      "cli/bin.cjs",
      "lib/npm.cjs",
      "lib/npm-owner.d.ts",
      "lib/reseal-worker.js",
    ]) {
      expect(files).toContain(`package/dist/${file}`)
    }
  })

  test("needs no other package", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies?: object
    }
    expect(dependencies).toBeUndefined()
    expect(readdirSync(join(consumer.project, "node_modules"))).toEqual(
      expect.not.arrayContaining(["age-encryption", "yaml", "simple-git"]),
    )
  })

  test("refers to no source map, and names no folder of this machine", () => {
    const folder = join(consumer.project, "node_modules/agent-vault/dist")
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(?:js|cjs|ts)$/.test(name)) continue
      const text = readFileSync(join(folder, name), "utf8")
      expect([name, text.includes("sourceMappingURL=")]).toEqual([name, false])
      expect([name, text.includes(root)]).toEqual([name, false])
    }
  })

  test("names the licence of each package that is bundled", () => {
    const file = join(
      consumer.project,
      "node_modules/agent-vault/dist/cli/third-party-licenses.txt",
    )
    const text = readFileSync(file, "utf8")
    for (const name of ["age-encryption", "@noble/curves", "simple-git", "yaml", "yargs"]) {
      expect(text).toMatch(new RegExp(`^${name} \\d`, "m"))
    }
  })

  test("is clean, says publint", () => {
    const { code, stdout } = runTool("publint/src/cli.js", [consumer.tarball, "--strict"])
    expect([code, stdout]).toEqual([0, expect.stringContaining("All good!")])
  })

  test("has types that are right, says arethetypeswrong", () => {
    const attw = "@arethetypeswrong/cli/dist/index.js"
    const { code, stdout } = runTool(attw, [consumer.tarball, "--profile", "node16", "--no-emoji"])
    expect([code, stdout]).toEqual([0, expect.stringContaining("agent-vault/owner")])
  })
})

const USE = `
  const vault = await openVault({ dir: process.argv[2], agent: "ci" })
  const key = await vault.get("stripe/api-key")
  console.log(String(key), key.reveal() === "old", key instanceof SecretValue)
  const code = await vault.get("db/none").catch((e) => [VaultError.is(e, "SECRET_NOT_FOUND"), e.exitCode])
  console.log(JSON.stringify(code))
  await vault.close()
  const owner = await openOwnerVault({ dir: process.argv[2] })
  console.log(owner instanceof AgentVault, String(await owner.get("stripe/webhook")))
  await owner.close()`
const NAMES = "openVault, AgentVault, SecretValue, VaultError"
const OUTPUT = [
  "[secret stripe/api-key: use .reveal()] true true",
  "[true,3]",
  "true [secret stripe/webhook: use .reveal()]",
  "",
].join("\n")

describe("an installed package works, with no word on stderr,", () => {
  test("for ES modules", () => {
    const file = consumer.write(
      "use.mjs",
      `import { ${NAMES} } from "agent-vault"
       import { openOwnerVault } from "agent-vault/owner"
       ${USE}`,
    )
    expect(consumer.run(file, [world.top], env())).toEqual({ code: 0, stdout: OUTPUT, stderr: "" })
  })

  test("for CommonJS", () => {
    const file = consumer.write(
      "use.cjs",
      `const { ${NAMES} } = require("agent-vault")
       const { openOwnerVault } = require("agent-vault/owner")
       ;(async () => {${USE}})()`,
    )
    expect(consumer.run(file, [world.top], env())).toEqual({ code: 0, stdout: OUTPUT, stderr: "" })
  })

  test("for both in one process, which then holds it once", () => {
    const file = consumer.write(
      "both.mjs",
      `import { createRequire } from "node:module"
       import * as imported from "agent-vault"
       import * as owner from "agent-vault/owner"
       const required = createRequire(import.meta.url)("agent-vault")
       const same = Object.keys(required).every((name) => required[name] === imported[name])
       console.log(same, Object.keys(required).join(), Object.keys(owner).sort().join())`,
    )
    const { stdout, stderr } = consumer.run(file, [], env())
    expect(stderr).toBe("")
    expect(stdout).toBe(
      "true AgentVault,Redactor,SecretValue,VaultError,compilePatterns,openVault,redactText OwnerVault,default,module.exports,openOwnerVault\n".replace(
        "default,module.exports,",
        stdout.includes("module.exports") ? "default,module.exports," : "default,",
      ),
    )
  })

  test("twice in one process, as where a test loads its modules anew", () => {
    const file = consumer.write(
      "twice.cjs",
      `const { VaultError } = require("agent-vault")
       for (const each of Object.keys(require.cache)) delete require.cache[each]
       const again = require("agent-vault")
       const refused = again.openVault({ dir: "nowhere" })
       refused.catch((error) => {
         const other = Object.assign(new Error("no"), { name: "VaultError", code: "ENOENT" })
         console.log(error instanceof VaultError, VaultError.is(error, "NO_VAULT"), VaultError.is(other))
       })`,
    )
    const stdout = "false true false\n"
    expect(consumer.run(file, [], env())).toEqual({ code: 0, stdout, stderr: "" })
  })

  test("as a command", () => {
    const bin = join(consumer.project, "node_modules/.bin/agent-vault")
    const { code, stdout, stderr } = consumer.run(bin, ["--version"], env())
    expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/), ""])
  })
})

test("a reader loads no git, no yaml, no schema compiler, and no post-quantum keys", () => {
  const file = consumer.write(
    "graph.cjs",
    `const { openVault } = require("agent-vault")
     const { readFileSync } = require("node:fs")
     const loaded = () => Object.keys(require.cache)
     const holds = (mark) => loaded().some((file) => file !== __filename && readFileSync(file, "utf8").includes(mark))
     openVault({ dir: process.argv[2], agent: "ci" })
       .then((vault) => vault.get("stripe/api-key"))
       .then(() => console.log(JSON.stringify({
         some: holds("age-encryption.org/v1"), git: holds("simple-git"), yaml: holds("parseDocument"),
         ajv: holds("ajv/dist/compile"), curves: loaded().some((file) => file.endsWith("portable.cjs")),
         processes: process.moduleLoadList.includes("NativeModule child_process"),
       })))`,
  )
  const { stdout, stderr } = consumer.run(file, [world.top], env())
  expect(stderr).toBe("")
  expect(JSON.parse(stdout)).toEqual({
    some: true,
    git: false,
    yaml: false,
    ajv: false,
    curves: false,
    processes: false,
  })
})

test("an owner's revoke of many secrets finds its worker", async () => {
  const many = await vaultWorld()
  const file = consumer.write(
    "revoke.cjs",
    `const { openOwnerVault } = require("agent-vault/owner")
     const { existsSync } = require("node:fs")
     const worker = require("node:path").join(require.resolve("agent-vault"), "../reseal-worker.js")
     const { Worker } = require("node:worker_threads")
     let started = 0
     process.on("worker", () => started++)
     ;(async () => {
       const owner = await openOwnerVault({ dir: process.argv[2] })
       const { exposed } = await owner.revoke("ci", ["stripe"])
       console.log(JSON.stringify({ isThere: existsSync(worker), exposed: exposed.length, started: started > 0 }))
       await owner.close()
     })()`,
  )
  try {
    await fill(many, 260)
    const { stdout, stderr } = consumer.run(file, [many.top], { ...many.env })
    expect(stderr).toBe("")
    const cores = Number(execFileSync("getconf", ["_NPROCESSORS_ONLN"], { encoding: "utf8" }))
    expect(JSON.parse(stdout)).toEqual({ isThere: true, exposed: 262, started: cores > 1 })
  } finally {
    many.remove()
  }
})

describe("TypeScript", () => {
  const source = `
    import { openVault, VaultError, type AccessReport, type OpenOptions, type SecretValue } from "agent-vault"
    import { openOwnerVault, type OwnerVault } from "agent-vault/owner"
    export async function use(options: OpenOptions): Promise<string> {
      const vault = await openVault({ ...options, onRead: ({ secret, actor }) => void (secret + actor.name) })
      const key: SecretValue = await vault.get("stripe/api-key")
      const { "db/url": url } = await vault.getMany(["db/url", "db/ca"])
      const report: AccessReport = await vault.access()
      for await (const { name, is } of vault.watch(["*"], { signal: AbortSignal.timeout(1) })) {
        const what: "set" | "gone" = is
        void [name, what]
      }
      // @ts-expect-error a reader has nothing that changes
      vault.grant
      // @ts-expect-error nobody asked for this one
      void (await vault.getMany(["db/url"]))["db/ca"]
      // @ts-expect-error a value is no text
      const text: string = key
      try {
        await vault.get("x/y")
      } catch (error) {
        // @ts-expect-error no such code
        VaultError.is(error, "NO_SUCH")
        if (VaultError.is(error, "NOT_GRANTED")) return error.hint ?? String(error.exitCode)
      }
      await vault[Symbol.asyncDispose]()
      const owner: OwnerVault = await openOwnerVault({ dir: "." })
      const { commit, exposed } = await owner.revoke("ci", "all", { dryRun: true })
      return key.reveal() + url.version + report.closed.join() + commit + exposed.length + text
    }`
  const settings = {
    strict: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "esnext.disposable"],
    types: ["node"],
    // The package's own types are checked too.
    skipLibCheck: false,
  }

  beforeAll(() => {
    symlinkSync(join(root, "node_modules/@types"), join(consumer.project, "node_modules/@types"))
  })

  test.each([
    ["nodenext", "use.mts"],
    ["nodenext", "use.cts"],
    ["node16", "use.mts"],
    ["node16", "use.cts"],
    ["preserve", "use.ts"],
  ])("with module %s knows its types in %s", (module, file) => {
    consumer.write(file, source)
    const resolution = module === "preserve" ? { moduleResolution: "bundler" } : {}
    const config = consumer.write(
      "tsconfig.json",
      JSON.stringify({ compilerOptions: { ...settings, module, ...resolution }, files: [file] }),
    )
    const tsc = runTool("typescript/bin/tsc", ["--project", config], consumer.project)
    expect([tsc.code, tsc.stdout]).toEqual([0, ""])
  })

  test("sees nothing that only our own doors need", () => {
    for (const name of ["readSecret", "withVault", "openVaultAs", "identityAt", "Vault"]) {
      const file = consumer.write(
        "inner.mts",
        `import { ${name} } from "agent-vault"\nvoid ${name}`,
      )
      const config = consumer.write(
        "tsconfig.json",
        JSON.stringify({ compilerOptions: { ...settings, module: "nodenext" }, files: [file] }),
      )
      const tsc = runTool("typescript/bin/tsc", ["--project", config], consumer.project)
      expect(tsc.stdout).toMatch(new RegExp(`no exported member (?:named )?.${name}.`))
    }
  })
})

describe("exported is what docs/sdk.md lists, and nothing else,", () => {
  const page = readFileSync(join(root, "docs/sdk.md"), "utf8")

  test.each([
    ["agent-vault", "npm"],
    ["agent-vault/owner", "npm-owner"],
  ])("from %s", (specifier, list) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${specifier}\` `)) ?? ""
    const [, , values = "", types = ""] = row.split("|")
    const program = `console.log(JSON.stringify(Object.keys(require("${specifier}"))))`
    const file = consumer.write("exports.cjs", program)
    const exported = JSON.parse(consumer.run(file, [], env()).stdout) as string[]
    expect(exported.toSorted()).toEqual(namesIn(values))
    const declared = readFileSync(
      join(consumer.project, `node_modules/agent-vault/dist/lib/${list}.d.ts`),
      "utf8",
    )
    const named = [...declared.matchAll(/^export (?:type )?\{([^}]+)\} from /gm)].flatMap(
      ([, names = ""]) => names.match(/\b(?!type\b)\w+/g) ?? [],
    )
    expect(named.toSorted()).toEqual([...namesIn(values), ...namesIn(types)].toSorted())
    // The lists above are all that these files say: no `export *`, no declaration of their own.
    const rest = declared.replace(/\/\*[^]*?\*\//g, "").replace(/^export (?:type )?\{.*\n/gm, "")
    expect(rest.trim()).toBe("")
  })

  test("whatever the path", () => {
    for (const path of [
      "dist/lib/npm.js",
      "dist/lib/npm.cjs",
      "index",
      "npm",
      "dist/cli/bin.cjs",
    ]) {
      const file = consumer.write("deep.cjs", `require("agent-vault/${path}")`)
      expect(consumer.run(file, [], env()).stderr).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED")
    }
  })
})

/** The names in a cell of the page's table. */
function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).toSorted()
}

/** Many secrets in one commit: a worker is worth it. */
async function fill(many: World, count: number): Promise<void> {
  const { identity } = await many.request()
  const key = signingKey(identity.identity)
  const group = JSON.parse(
    readFileSync(join(many.top, ".agent-vault/groups/stripe.json"), "utf8"),
  ) as { vault: string; recipient: string }
  for (let at = 0; at < count; at++) {
    const path = `secrets/stripe/s${at}.json`
    const sealed = await seal(Buffer.from(`value ${at}`), [group.recipient])
    const time = "2026-01-01T00:00:00Z"
    const body: Omit<SecretRecord, "signature" | "format"> = {
      kind: "secret",
      vault: group.vault,
      path,
      serial: 1,
      version: 1,
      sealedTo: digestOf(group.recipient),
      digest: digestOf(sealed),
      created: time,
      changed: time,
    }
    const file = join(many.top, ".agent-vault", path)
    writeFileSync(file, encodeRecord(signRecord(body, key)))
    writeFileSync(file.replace(/json$/, "age"), sealed)
  }
  many.git("add", "--all")
  many.git("commit", "--quiet", "-m", "secrets")
}
