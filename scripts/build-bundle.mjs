// Bundles sources of ours with their dependencies so that a start reads few files and runs little
// code. What a start costs decides the form: see docs/performance.md, and measure with
// `npm run bench`.
import { readFile, writeFile } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { basename, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build, transform } from "esbuild"
import { builtAhead } from "./build-ahead.mjs"
import { pastFaces } from "./build-faces.mjs"
import { grouped } from "./build-groups.mjs"
import { root, target } from "./build-places.mjs"

/** @type {import("esbuild").BuildOptions} */
const common = { bundle: true, platform: "node", target, logLevel: "warning" }

// What ES modules have and CommonJS has not.
const strict = '"use strict";'
const moduleUrl = 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;'
// A bundler that makes an ES module of our code gives us no file name.
const moduleUrlIfAny =
  'const moduleUrl = typeof __filename === "string" ? require("node:url").pathToFileURL(__filename).href : "";'

// esbuild lets each chunk load those of which it uses nothing, in case something happens as they
// are loaded: nothing does, and a command that knows no keys need not load age.
const sideEffectImport = /^import "\.\/[^"]+";\n/gm

// Node takes longer to load its crypto than we take to load the guard, which needs none unless it
// finds something, and a millisecond and more for its sockets: a chunk loads them where they are
// first used.
const lateModules =
  /^var (import_node_(?:crypto|net|tty|worker_threads)\d*) = require\("node:(\w+)"\);\n/gm
// The library is loaded to read: each value takes some fifteen calls of crypto.
const lateInLibrary =
  /^var (import_node_(?:net|tty|worker_threads)\d*) = require\("node:(\w+)"\);\n/gm

// esbuild copies the exports of a file behind a second getter each.
const copiedExports = /^module\.exports = __toCommonJS\((\w+)\);$/m
const exportsThemselves = 'module.exports = __defProp($1, "__esModule", { value: true });'

// It writes a getter for each name. A function is there before the first line runs, and stays.
const exportedNames = /^var (\w+) = \{\};\n__export\(\1, (\{\n.*?\n\})\);$/ms
const exportedName = /^  ([\w$]+|"[^"]+"): \(\) => (.+?),?\n/gm
const ownFunction = /^(?:async )?function\*? ?([\w$]+)\(/gm

// age-encryption reads these modules at its start, but uses them only for post-quantum and tag
// recipients, for passphrases, which are ours, and where Node lacks a primitive. The tables of the
// curves take longer to compute than all the rest.
const portableFile = "portable.cjs"
const portable = new Map([
  ["@noble/curves/ed25519.js", ["x25519"]],
  ["@noble/curves/nist.js", ["p256"]],
  ["@noble/post-quantum/hybrid.js", ["MLKEM768P256", "MLKEM768X25519"]],
  ["@noble/hashes/scrypt.js", ["scrypt"]],
  ["@noble/ciphers/chacha.js", ["chacha20poly1305"]],
])

// These it uses for each file: Node's own are faster, and need not be read.
const nativeCrypto = fileURLToPath(new URL("bin-crypto.mjs", import.meta.url))
const native = new Set([
  "@noble/hashes/hmac.js",
  "@noble/hashes/hkdf.js",
  "@noble/hashes/sha2.js",
  "@noble/ciphers/chacha.js",
])

// Every Node since 18 has these. As a literal, such an expression is parsed when it is first used.
const modern = { "regexp-unicode-property-escapes": true }

/**
 * Writes each entry point, a chunk for each dynamic import, and chunks of what they share.
 * CommonJS, since Node starts it faster than ES modules; esbuild splits only ES modules, so the
 * chunks are converted one by one. Resolves to the files that went into it, from the project's root.
 *
 * @param {string} folder
 * @param {Record<string, string>} entryPoints the files by the names of what is written for them
 * @param {".cjs" | ".js"} ending of the files; `.js` needs a package.json that says what it is
 * @param {readonly (readonly string[])[]} doors for {@link grouped}
 * @returns {Promise<string[]>}
 */
export async function writeBundle(folder, entryPoints, ending, doors) {
  const isLibrary = ending === ".js"
  const split = await build({
    ...common,
    absWorkingDir: root,
    entryPoints,
    outdir: folder,
    outExtension: { ".js": ending },
    splitting: true,
    format: "esm",
    write: false,
    metafile: true,
    supported: modern,
    define: {
      ...(await versionDefined()),
      "import.meta.url": "moduleUrl",
      // age-encryption asks of each identity whether it is one, for which Node loads its WebCrypto.
      CryptoKey: "undefined",
    },
    // Native code stays where an installation put it.
    external: [`./${portableFile}`, "*/pty.node"],
    alias: {
      // Its main file loads its other files in a way that no bundler can follow.
      "jsonc-parser": "jsonc-parser/lib/esm/main.js",
      // yargs finds a package.json by it, of whose version nothing is used, in the user's folder or
      // above: there a pipe of that name would be waited for.
      "escalade/sync": "data:text/javascript,export default () => undefined",
    },
    inject: [fileURLToPath(new URL("bin-streams.mjs", import.meta.url))],
    plugins: [nativeOrLazy, noSchemaCompiler, streamsOfNode, leanRules, ahead, pastFaces],
  })
  const chunks = split.outputFiles.map(({ path, text }) => {
    const { exports, entryPoint } = split.metafile.outputs[relative(root, path)] ?? {}
    const name = basename(path)
    return {
      name,
      text: text.replace(sideEffectImport, ""),
      exports: exports ?? [],
      source: entryPoint,
    }
  })
  const alone = Object.keys(entryPoints).map((name) => `${name}${ending}`)
  const [fromPortable] = await Promise.all([
    writePortable(folder),
    ...(await grouped(chunks, doors, alone)).map(async ({ name, text }) => {
      await writeFile(join(folder, name), await converted(text, isLibrary))
    }),
  ])
  return [...Object.keys(split.metafile.inputs), ...fromPortable]
}

/**
 * A chunk as CommonJS.
 *
 * @param {string} text
 * @param {boolean} isLibrary
 */
async function converted(text, isLibrary) {
  const url = isLibrary ? moduleUrlIfAny : moduleUrl
  const { code } = await transform(text.replace(sideEffectImport, ""), {
    format: "cjs",
    platform: "node",
    target,
    logLevel: "warning",
    banner: text.includes("moduleUrl") ? `${strict}\n${url}` : strict,
    supported: { "dynamic-import": false, ...modern },
  })
  const late = withLateModules(asciiOf(code), isLibrary ? lateInLibrary : lateModules)
  const lazy = withPlainExports(late.replace(copiedExports, exportsThemselves))
  return isLibrary ? forBundlers(lazy) : lazy
}

async function versionDefined() {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"))
  return { AGENT_VAULT_VERSION: JSON.stringify(version) }
}

/**
 * Writes a source and all that it uses as one file. Resolves to the files that went into it.
 *
 * @param {string} source
 * @param {string} outfile
 */
export async function writeSingle(source, outfile) {
  const how = {
    ...common,
    absWorkingDir: root,
    metafile: true,
    format: /** @type {const} */ ("cjs"),
    define: await versionDefined(),
    external: ["./main.cjs"],
  }
  const { metafile } = await build({ ...how, entryPoints: [source], outfile })
  return Object.keys(metafile?.inputs ?? {})
}

// As we write it, and as esbuild writes it where a dependency is CommonJS.
const required = /(?:\brequire|\b__require|\(0, \w+\.__require\))\("([^"]+)"\)/g

/**
 * Asks the process for Node's modules: a bundler that makes an ES module of the library leaves
 * `require("node:fs")` as it is, and an ES module has no `require`. Our own files keep their
 * `require`, which every bundler follows.
 *
 * @param {string} code
 */
function forBundlers(code) {
  return code.replace(required, (_, name) =>
    isBuiltin(name) ? `process.getBuiltinModule("${name}")` : `require("${name}")`,
  )
}

/**
 * Text with other characters takes V8 twice the room, and many times as long to read. esbuild leaves
 * them in expressions, which mean the same with escapes.
 *
 * @param {string} code
 */
function asciiOf(code) {
  // oxlint-disable-next-line no-control-regex
  return code.replace(/[^\x00-\x7f]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
}

/**
 * @param {string} code
 * @param {RegExp} which
 */
function withLateModules(code, which) {
  const modules = new Map([...code.matchAll(which)].map(([, name, module]) => [name, module]))
  if (modules.size === 0) return code
  const used = new RegExp(`\\b(?:${[...modules.keys()].join("|")})\\b`, "g")
  // In brackets: `new require("…").X()` would construct what `require` is.
  return code.replace(which, "").replace(used, (name) => `(require("node:${modules.get(name)}"))`)
}

/**
 * Exports functions as they are, and only what may change after the first line by a getter.
 *
 * @param {string} code
 */
function withPlainExports(code) {
  const functions = new Set([...code.matchAll(ownFunction)].map(([, name]) => name))
  return code.replace(exportedNames, (_, exports, names) => {
    /** @type {RegExpExecArray[]} */
    const all = [...names.matchAll(exportedName)]
    const plain = all.filter(([, , own]) => functions.has(own))
    const literal = plain.map(([, name, own]) => `  ${name}: ${own},\n`).join("")
    const getters = all.filter((each) => !plain.includes(each)).map(([line]) => line)
    return `var ${exports} = {\n${literal}};\n__export(${exports}, {\n${getters.join("")}});`
  })
}

/** @param {string} folder */
async function writePortable(folder) {
  const exported = [...portable].map(
    ([module, names]) => `export { ${names.join()} } from "${module}"`,
  )
  const { metafile } = await build({
    ...common,
    absWorkingDir: root,
    metafile: true,
    stdin: { contents: exported.join("\n"), resolveDir: join(root, "node_modules/age-encryption") },
    format: "cjs",
    banner: { js: strict },
    outfile: join(folder, portableFile),
  })
  return Object.keys(metafile.inputs)
}

/**
 * Gives age-encryption Node's own hashes and cipher, and for the rest stand-ins that load the
 * portable code when it is first used. If it imports another name or module one day, the build
 * fails here or the start gets slower, but nothing else.
 *
 * @type {import("esbuild").Plugin}
 */
const nativeOrLazy = {
  name: "native-or-lazy",
  setup(bundler) {
    bundler.onResolve({ filter: /^@noble\// }, ({ path, importer }) => {
      const isAge = importer.includes("node_modules/age-encryption/")
      if (isAge && native.has(path)) return { path: nativeCrypto }
      const isOurs = importer === nativeCrypto || importer.startsWith(join(root, "src"))
      if ((isAge || isOurs) && portable.has(path)) return { path, namespace: "lazy" }
      return undefined
    })
    bundler.onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => ({
      contents: (portable.get(path) ?? [])
        .map((name) => {
          const real = `require("./${portableFile}").${name}`
          const traps = `get: (_, key) => ${real}[key], apply: (_, __, args) => ${real}(...args)`
          return `export const ${name} = new Proxy(() => {}, { ${traps} })`
        })
        .join("\n"),
    }))
  },
}

/**
 * The MCP SDK brings a compiler of JSON Schemas for callers that give it none. src/mcp/server.ts
 * gives it one, so a start need not read a quarter of a megabyte.
 *
 * @type {import("esbuild").Plugin}
 */
const noSchemaCompiler = {
  name: "no-schema-compiler",
  setup(bundler) {
    bundler.onLoad(
      { filter: /@modelcontextprotocol.sdk.dist.esm.validation.ajv-provider\.js$/ },
      () => ({
        contents: "export class AjvJsonSchemaValidator {}",
      }),
    )
  },
}

/**
 * Only for age-encryption the bundle has streams of its own: the MCP SDK's transport over HTTP
 * writes when it has something, and needs Node's.
 *
 * @type {import("esbuild").Plugin}
 */
const streamsOfNode = {
  name: "streams-of-node",
  setup(bundler) {
    bundler.onLoad(
      { filter: /@modelcontextprotocol.sdk.dist.esm.server.webStandardStreamableHttp\.js$/ },
      async ({ path }) => ({
        contents: `import { ReadableStream } from "node:stream/web"\n${await readFile(path, "utf8")}`,
      }),
    )
  },
}

const forTests = ["examples", "lookalikes"]
const forPeople = ["title", "docs", "rotate"]

/**
 * The guard's rules bring examples and look-alikes, which only tests need, and texts, which are
 * needed when something is found. It starts at every commit, and JSON.parse() is faster than the
 * same as an object literal.
 *
 * @type {import("esbuild").Plugin}
 */
const leanRules = {
  name: "lean-rules",
  setup(bundler) {
    bundler.onResolve({ filter: /\/rules\/\w+\.json$/ }, ({ path, importer, resolveDir }) => ({
      path: join(resolveDir, path),
      suffix: basename(importer) === "titles.ts" ? "?titles" : "?rules",
    }))
    bundler.onLoad(
      { filter: /src.precommit.detect.rules.\w+\.json$/ },
      async ({ path, suffix }) => {
        /** @type {Record<string, unknown>[]} */
        const rules = JSON.parse(await readFile(path, "utf8"))
        const isKept = (/** @type {string} */ key) =>
          suffix === "?titles"
            ? ["id", ...forPeople].includes(key)
            : ![...forTests, ...forPeople].includes(key)
        const lean = rules.map((rule) =>
          Object.fromEntries(Object.entries(rule).filter(([key]) => isKept(key))),
        )
        return { contents: `export default JSON.parse(${JSON.stringify(JSON.stringify(lean))})` }
      },
    )
  },
}

const ahead = builtAhead([leanRules, pastFaces])
