// The house's rules as a plugin of oxlint: who may import whom, and one name for one thing.
// docs/architecture.md explains them.
import { readFileSync, readdirSync } from "node:fs"
import { isBuiltin } from "node:module"
import { basename, dirname, join, relative, sep } from "node:path"

/**
 * The rooms from the ground up, each with the rooms that it may import: rooms below it only, which a
 * test holds against the file, so there is no way round in a circle.
 *
 * @type {Record<string, string[]>}
 */
const rooms = JSON.parse(readFileSync(new URL("rooms.json", import.meta.url), "utf8"))

/** Every package and builtin with a risk of its own, and the only files that may import it. */
const importers = new Map([
  ["age-encryption", ["src/core/age/age-library.ts"]],
  ["simple-git", ["src/core/git/git.ts"]],
  ["@noble/ciphers", ["src/core/age/stanza.ts"]],
  ["shamir-secret-sharing", ["src/core/recovery/secret-sharing.ts"]],
  ["@scure/bip39", ["src/core/recovery/key-words.ts", "src/precommit/encoded/seed-phrase.ts"]],
  ["uqr", ["src/cli/terminal/qr-code.ts"]],
  ["yaml", ["src/core/records/yaml.ts"]],
  ["@marcbachmann/cel-js", ["src/core/policy/cel.ts"]],
  ["yargs", ["src/cli/parse/yargs.ts"]],
  [
    "@modelcontextprotocol/sdk",
    ["src/mcp/server.ts", "src/mcp/transports.ts", "src/mcp/http-session.ts"],
  ],
  ["jsonc-parser", ["src/cli/clients/jsonc.ts"]],
  ["re2js", ["src/precommit/allow/custom-rules.ts"]],
  ["smol-toml", ["src/cli/clients/toml.ts"]],
  ["src/core/records/generated/validators.ts", ["src/core/records/schema.ts"]],
  [
    "node:child_process",
    [
      "src/core/git/git.ts",
      "src/core/git/git-quick.ts",
      "src/core/git/listed-gits.ts",
      "src/cli/run/child.ts",
      "src/cli/hooks/dry-run.ts",
      "src/core/disk/printed-by.ts",
      "src/core/disk/process-tree.ts",
      "src/cli/run/shell.ts",
      "src/broker/isolate/bubblewrap.ts",
      "src/questions/desktop.ts",
    ],
  ],
  // Native code, which is in no bundle: the few packages of it are optional.
  ["@lydell/node-pty-linux-x64", ["src/cli/run/pseudo-terminal.ts"]],
  ["@lydell/node-pty-linux-arm64", ["src/cli/run/pseudo-terminal.ts"]],
  ["@lydell/node-pty-darwin-x64", ["src/cli/run/pseudo-terminal.ts"]],
  ["@lydell/node-pty-darwin-arm64", ["src/cli/run/pseudo-terminal.ts"]],
  // Its createRequire() would import past these rules.
  ["node:module", []],
])

/**
 * What belongs to a terminal or a process, and so not to core, and the files that need it still.
 *
 * @type {Map<string, string[]>}
 */
const notInCore = new Map([
  ["node:console", []],
  // A lock, or a temporary file, names the process that made it, and others ask whether that one
  // lives. A program is ended with all that came of it, also where a signal ends us. The library's own
  // doors take the environment of the process if they are given none.
  [
    "node:process",
    [
      "src/core/disk/maker.ts",
      "src/core/disk/process-tree.ts",
      "src/core/disk/ended-with-us.ts",
      "src/core/library/open-vault.ts",
    ],
  ],
  ["node:readline", []],
  ["node:repl", []],
  ["node:tty", []],
])

/**
 * The rooms that decide whether a value may be read. What they read, src/core/disk reads, which
 * records it: a process that lives for days reads again once it is other.
 */
const decidingRooms = new Set([
  "words",
  "age",
  "records",
  "memory",
  "undone",
  "policy",
  "vault",
  "library",
])

const doors = ["src/cli/", "src/mcp/", "src/precommit/", "src/broker/"]
/** The rooms between core and the doors, which several doors share. */
const shared = ["src/page/", "src/questions/", "src/serving/"]
const faces = new Set(["src/core/index.ts", "src/core/owner.ts"])
/** The face for what runs at every commit. */
const guardFace = "src/core/guard.ts"

/** The composition root may load these, on demand. */
const root = "src/cli/bin.ts"
const loadedByRoot = new Set([
  "src/mcp/serve.ts",
  "src/mcp/listen.ts",
  "src/precommit/run-guard.ts",
  "src/broker/blind-run.ts",
  "src/broker/serve-proxy.ts",
  "src/broker/try-client.ts",
  "src/broker/own-request.ts",
])

/**
 * What is wrong with an import, undefined if nothing is.
 *
 * @param {string} from the importing file, under src, from the project's root, with slashes
 * @param {string} specifier as written
 * @param {boolean} onDemand whether it is `import()`
 * @returns {string | undefined}
 */
function importProblem(from, specifier, onDemand) {
  const to = target(from, specifier)
  if (isBuiltin(specifier) && !specifier.startsWith("node:")) return `write node:${specifier}`

  const allowed = importers.get(to)
  if (allowed && !allowed.includes(from)) {
    return `${allowed.length > 0 ? `only ${allowed.join(" and ")}` : "no file"} may import ${to}`
  }
  if (!specifier.startsWith(".")) {
    const excepted = notInCore.get(to.split("/", 1).join())
    if (from.startsWith("src/core/") && excepted && !excepted.includes(from)) {
      return `core knows no terminal and no process: it may not import ${to}`
    }
    const [, , room = ""] = from.split("/")
    if (/^node:fs\b/.test(specifier) && from.startsWith("src/core/") && decidingRooms.has(room)) {
      return "what decides about a read is read through src/core/disk, which records it"
    }
    if (!isBuiltin(specifier) && !allowed) {
      return `${to} has no importer yet: give it one file, and name it in scripts/lint/house.mjs`
    }
    return undefined
  }

  if (!to.startsWith("src/")) return `src imports nothing outside src: ${to}`
  if (from === root && loadedByRoot.has(to)) {
    return onDemand ? undefined : `load ${to} on demand, with import()`
  }
  return faceProblem(from, to) ?? roomProblem(from, to)
}

/**
 * What is wrong with an import by a door or a room that doors share: core shows them faces, and no
 * door imports another.
 *
 * @param {string} from
 * @param {string} to
 * @returns {string | undefined}
 */
function faceProblem(from, to) {
  const [here, there] = [from, to].map((file) =>
    [...doors, ...shared].find((folder) => file.startsWith(folder)),
  )
  if (here === undefined || here === there) return undefined
  if (there !== undefined && shared.includes(there)) return undefined
  if (there !== undefined) return `${here} may not import ${to}: doors never import each other`
  if (faces.has(to) || (to === guardFace && here === "src/precommit/")) return undefined
  return `core is imported through ${[...faces].join(" or ")} only`
}

/**
 * What is wrong with an import between two files under src, as far as their rooms are concerned.
 *
 * @param {string} from
 * @param {string} to
 * @returns {string | undefined}
 */
function roomProblem(from, to) {
  const [here, there] = [roomOf(from), roomOf(to)]
  if (here === undefined) return `${from} is in no room: see scripts/lint/rooms.json`
  if (there === undefined) return `${to} is in no room: see scripts/lint/rooms.json`
  if (here === there || rooms[here]?.includes(there)) return undefined
  return `${here} may not import ${there}: see scripts/lint/rooms.json`
}

/**
 * The room that a file is in: its folder, or the one above if that one is divided no further.
 *
 * @param {string} file
 */
function roomOf(file) {
  const folder = dirname(file)
  if (folder in rooms) return folder
  const above = dirname(folder)
  const isDivided = Object.keys(rooms).some((room) => room.startsWith(`${above}/`))
  return above in rooms && !isDivided ? above : undefined
}

/**
 * The package, the builtin, or the source file from the project's root that a specifier names.
 *
 * @param {string} from
 * @param {string} specifier
 */
function target(from, specifier) {
  if (specifier.startsWith(".")) {
    return join(dirname(from), specifier).split(sep).join("/").replace(/\.js$/, ".ts")
  }
  if (isBuiltin(specifier)) return specifier
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")
}

/** A type as the sources declare it, at the beginning of a line. */
const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class) ([A-Za-z_]\w*)/gm

/** What these hold is named after the command that it is about, as what the command does is. */
const namedByCommand = /^src\/cli\/(?:commands|parse\/table)\//

/**
 * Which files declare a type of a name, and which files have a base name, from a project's root.
 *
 * @typedef {{ types: Map<string, string[]>, files: Map<string, string[]> }} Names
 */

/** @type {Map<string, Names>} */
const namesByProject = new Map()

/**
 * The names of a project's sources, which are read once.
 *
 * @param {string} cwd
 * @returns {Names}
 */
function namesIn(cwd) {
  const before = namesByProject.get(cwd)
  if (before !== undefined) return before
  /** @type {Names} */
  const names = { types: new Map(), files: new Map() }
  for (const path of readdirSync(join(cwd, "src"), { recursive: true, encoding: "utf8" }).sort()) {
    const file = `src/${path.split(sep).join("/")}`
    if (!file.endsWith(".ts") || file.includes("/generated/")) continue
    if (!namedByCommand.test(file)) add(names.files, basename(file), file)
    const text = readFileSync(join(cwd, file), "utf8")
    for (const [, name = ""] of text.matchAll(DECLARED)) add(names.types, name, file)
  }
  namesByProject.set(cwd, names)
  return names
}

/**
 * @param {Map<string, string[]>} files
 * @param {string} name
 * @param {string} file
 */
function add(files, name, file) {
  files.set(name, [...(files.get(name) ?? []), file])
}

/**
 * Another file that has a name too, undefined if there is none.
 *
 * @param {Map<string, string[]>} files
 * @param {string} name
 * @param {string} file
 */
function elsewhere(files, name, file) {
  return files.get(name)?.find((other) => other !== file)
}

/**
 * @typedef {object} Node of the syntax tree
 * @property {{ value?: unknown } | null} [source]
 * @property {{ name?: string } | null} [id]
 * @property {{ name?: string, property?: { name?: string } }} [callee]
 * @property {{ type: string }[]} [arguments]
 */
/**
 * @typedef {object} Context
 * @property {string} cwd
 * @property {string} filename
 * @property {(problem: { message: string, node: Node }) => void} report
 */

/**
 * The linted file from the project's root, with slashes.
 *
 * @param {Context} context
 */
function fileOf({ cwd, filename }) {
  return relative(cwd, filename).split(sep).join("/")
}

const NO_REQUIRE = "write an import, so that the rules of the house can see it"

const imports = {
  /** @param {Context} context */
  create(context) {
    const from = fileOf(context)
    if (!from.startsWith("src/")) return {}
    /** @param {boolean} onDemand */
    const check = (onDemand) => (/** @type {Node} */ node) => {
      if (!node.source) return
      const specifier = node.source.value
      const message =
        typeof specifier === "string"
          ? importProblem(from, specifier, onDemand)
          : "name what you import by a plain string, so that the rules of the house can see it"
      if (message) context.report({ message, node })
    }
    return {
      ImportDeclaration: check(false),
      ExportNamedDeclaration: check(false),
      ExportAllDeclaration: check(false),
      TSImportType: check(false),
      ImportExpression: check(true),
      TSExternalModuleReference: (/** @type {Node} */ node) => {
        context.report({ message: NO_REQUIRE, node })
      },
      CallExpression: (/** @type {Node} */ node) => {
        if (node.callee?.name === "require") context.report({ message: NO_REQUIRE, node })
      },
    }
  },
}

/** One name for one thing, one thing for one name: of a type, and of a file. */
const names = {
  /** @param {Context} context */
  create(context) {
    const file = fileOf(context)
    if (!file.startsWith("src/")) return {}
    const { types, files } = namesIn(context.cwd)
    const declares = (/** @type {Node} */ node) => {
      const name = node.id?.name ?? ""
      const other = elsewhere(types, name, file)
      if (other) context.report({ message: `${other} declares a type ${name} too`, node })
    }
    return {
      Program: (/** @type {Node} */ node) => {
        if (namedByCommand.test(file)) return
        const other = elsewhere(files, basename(file), file)
        if (other) context.report({ message: `${other} has the same file name`, node })
      },
      ...Object.fromEntries(
        ["TSInterfaceDeclaration", "TSTypeAliasDeclaration", "ClassDeclaration"].map((kind) => [
          kind,
          declares,
        ]),
      ),
    }
  },
}

/** What takes any number of arguments, and so seduces to hand over a list. */
const ofAnyNumber = /^(?:push|unshift|splice|concat|max|min|hypot|fromCharCode|fromCodePoint)$/

/** Arguments lie on the stack: about 120,000 of them end the process, and lists have no such end. */
const lists = {
  /** @param {Context} context */
  create(context) {
    if (!fileOf(context).startsWith("src/")) return {}
    return {
      CallExpression: (/** @type {Node} */ node) => {
        const isSpread = node.arguments?.some(({ type }) => type === "SpreadElement")
        if (!isSpread || !ofAnyNumber.test(node.callee?.property?.name ?? "")) return
        const message = "a list as arguments overflows the stack when it is long: go through it"
        context.report({ message, node })
      },
    }
  },
}

export default { meta: { name: "house" }, rules: { imports, names, lists } }
