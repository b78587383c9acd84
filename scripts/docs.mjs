// `node scripts/docs.mjs` writes those parts of the documents that are made from tables of the sources.
import { readFileSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { format } from "prettier"
import { root, target } from "./build-places.mjs"

/** @typedef {import("../src/cli/parse/call.js").CommandSpec} CommandSpec */
/** @typedef {import("../src/cli/parse/call.js").OptionSpec} OptionSpec */
/** @typedef {import("../src/cli/parse/table/mcp-clients.js").McpClient} McpClient */
/** @typedef {import("../src/core/services/services.js").Service} Service */

/**
 * The parts of each page; a part stands between `<!-- NAME: npm run docs -->` and `<!-- /NAME -->`.
 *
 * @type {Readonly<Record<string, Readonly<Record<string, (tables: any) => string>>>>}
 */
const PAGES = {
  "docs/broker.md": { gallery: galleryPart },
  "docs/cli.md": { commands: commandsPart },
  "docs/faults.md": { figures: faultsPart, others: survivalPart },
  "docs/services.md": { services: servicesPart, models: modelsPart },
  "docs/mcp.md": { clients: clientsPart, tools: toolsPart },
}

/** The pages that have such parts. */
export const pages = Object.keys(PAGES)

/**
 * The text of a page with its parts as the tables have them.
 *
 * @param {string} page
 * @param {string} text
 */
export async function withParts(page, text) {
  const tables = await loadTables()
  const parts = Object.entries(PAGES[page] ?? {})
  const made = parts.reduce((before, [name, make]) => replaced(before, name, make(tables)), text)
  return format(made, { parser: "markdown", printWidth: 100 })
}

/**
 * @param {string} text
 * @param {string} name
 * @param {string} part
 */
function replaced(text, name, part) {
  const [begin, end] = [`<!-- ${name}: npm run docs -->`, `<!-- /${name} -->`]
  const [before, after] = [text.split(begin)[0], text.split(end)[1]]
  if (before === undefined || after === undefined) throw new Error(`no page has a part ${name}`)
  return `${before}${begin}\n\n${part}\n\n${end}${after}`
}

/** @param {{ commandParts: () => [string, CommandSpec[]][], isAboutWho: Function, shownOption: Function, shownWords: Function }} tables */
function commandsPart({ commandParts, isAboutWho, shownOption, shownWords }) {
  const parts = commandParts().map(([title, specs]) => [`### ${title}`, ...specs.map(describe)])
  return parts.flat().join("\n\n")

  /** @param {CommandSpec} spec */
  function describe({ name, words, summary, options, examples, notes }) {
    const usage = ["agent-vault", name, shownWords(words)].filter(Boolean).join(" ")
    const given = Object.entries(options).filter(([option]) => !isAboutWho(options, option))
    return [
      `#### ${name}`,
      `\`${usage}\``,
      `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${notes === undefined ? "" : ` ${notes}`}`,
      given.map(([option, spec]) => line(option, spec)).join("\n"),
      "identity" in options ? "And [who acts](#who-acts)." : "",
      ["```sh", ...examples.map(([command, what]) => `# ${what}\n${command}`), "```"].join("\n"),
    ]
      .filter(Boolean)
      .join("\n\n")
  }

  /**
   * @param {string} option
   * @param {OptionSpec} spec
   */
  function line(option, spec) {
    const choices = spec.choices === undefined ? "" : `: ${spec.choices.join(", ")}`
    return `- \`${shownOption(option, spec)}\`: ${spec.describe}${choices}`
  }
}

/** @param {{ MCP_CLIENTS: McpClient[] }} tables */
function clientsPart({ MCP_CLIENTS }) {
  const rows = MCP_CLIENTS.map(({ name, files: [file], nextStep }) => {
    if (file === undefined) throw new Error(`${name} has no file`)
    const path = [file.folder, file.name].filter(Boolean).join("/")
    const cell = file.below === "settings" ? settingsFile(file) : `\`${path}\``
    return `| \`${name}\` | ${cell} | ${file.below === "project" ? "the repository's" : "yours"} | ${nextStep} |`
  })
  return ["| client | file | whose | what else to do |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  )
}

/** @param {import("../src/cli/parse/table/mcp-clients.js").ClientFile} file */
function settingsFile({ folder = "", name }) {
  const windows = folder.replaceAll("/", "\\")
  return `\`${name}\` in \`~/Library/Application Support/${folder}\`, \`%APPDATA%\\${windows}\` or \`~/.config/${folder}\``
}

/** @param {{ TOOLS: import("../src/mcp/calls/tool.js").Tool[] }} tables */
function toolsPart({ TOOLS }) {
  const rows = TOOLS.map(({ name, docs }) => `| \`${name}\` | ${docs} |`)
  return ["| tool | what it answers |", "| --- | --- |", ...rows].join("\n")
}

/** @param {{ listServices: () => readonly Service[] }} tables */
function servicesPart({ listServices }) {
  const rows = listServices().map(({ name, title, docs, variables, use }) => {
    const cells = [`\`${variables[0]}\``, codes(use.hosts), codes(use.at), use.scheme]
    return rowOf([`[\`${name}\`](${docs})`, title, ...cells])
  })
  const heads = ["service", "what it is", "variable", "hosts", "where its key goes", "scheme"]
  return [rowOf(heads), rowOf(heads.map(() => "---")), ...rows].join("\n")
}

/** @param {{ modelHosts: () => readonly string[] }} tables */
function modelsPart({ modelHosts }) {
  return codes(modelHosts())
}

/** @param {readonly string[]} words */
function codes(words) {
  return words.map((word) => `\`${word}\``).join(", ")
}

/** What `node scripts/faults.mjs --json docs/figures/faults.json` found. */
function faultsPart() {
  const file = join(root, "docs/figures/faults.json")
  const { made, figures } = JSON.parse(readFileSync(file, "utf8"))
  const names = ["points", "cases", "trials", "held", "unreached"]
  const rows = figures.map((/** @type {Record<string, number | string>} */ row) =>
    rowOf([`\`${row["operation"]}\``, ...names.map((name) => Number(row[name]))]),
  )
  const sums = names.map((name) =>
    figures.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row[name], 0),
  )
  return [
    `On ${made.on}, with ${made.git} and Node ${made.node}, seed ${made.seed}:`,
    "",
    rowOf(["operation", "points", "all trials", "tried", "held", "missed"]),
    rowOf(["---", ...names.map(() => "---:")]),
    ...rows,
    rowOf(["all", ...sums]),
  ].join("\n")
}

/** What `node scripts/gallery.mjs` found. */
function galleryPart() {
  const file = join(root, "docs/figures/gallery.json")
  const { on, chapters } = JSON.parse(readFileSync(file, "utf8"))
  const names = ["held", "leaks", "failed", "skipped"]
  const rowFor = (/** @type {string} */ what, /** @type {number[]} */ counts) =>
    rowOf([what, counts.reduce((sum, each) => sum + each, 0), ...counts])
  const countsOf = (/** @type {Record<string, number>} */ each) =>
    names.map((name) => each[name] ?? 0)
  const sums = names.map((name) =>
    chapters.reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each[name], 0),
  )
  return [
    `On ${on}:`,
    "",
    rowOf(["chapter", "attacks", "held off", "leak, as is said", "failed", "skipped"]),
    rowOf(["---", "---:", ...names.map(() => "---:")]),
    ...chapters.map((/** @type {any} */ each) => rowFor(each.chapter, countsOf(each))),
    rowFor("all", sums),
  ].join("\n")
}

/** What `node scripts/figures.mjs` found besides. */
function survivalPart() {
  const file = join(root, "docs/figures/survival.json")
  const { on, attacks, properties, month, writers } = JSON.parse(readFileSync(file, "utf8"))
  return [
    `On ${on}:`,
    "",
    rowOf(["what", "how much", "what came of it"]),
    rowOf(["---", "---", "---"]),
    rowOf(["attacks, also on merges and undoing", `${attacks.seconds} s`, heldOf(attacks)]),
    rowOf([
      "random inputs: records, names, times, redactor",
      `${properties.seconds} s`,
      heldOf(properties),
    ]),
    rowOf([
      "a team's month",
      `${month.seeds} x ${month.operations} operations`,
      month.held ? "all clones agree with the model" : "broken",
    ]),
    rowOf(["writers of different secrets at once", writers.of, `${writers.different} landed`]),
    rowOf(["writers of one secret at once", writers.of, `${writers.same} landed`]),
  ].join("\n")
}

/** @param {{ passed: number, failed: number }} tests */
function heldOf({ passed, failed }) {
  return `${passed} of ${passed + failed} held`
}

/** @param {unknown[]} cells */
function rowOf(cells) {
  return `| ${cells.join(" | ")} |`
}

/** The tables are TypeScript, and no modules of the build. */
async function loadTables() {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export * from "./cli/parse/table.js"
        export { commandParts } from "./cli/parse/command-parts.js"
        export { shownOption, shownWords } from "./cli/parse/call.js"
        export { listServices } from "./core/services/services.js"
        export { modelHosts } from "./core/services/model-hosts.js"
        export { TOOLS } from "./mcp/tools/tools.js"
        export { MCP_CLIENTS } from "./cli/parse/table/mcp-clients.js"`,
      resolveDir: join(root, "src"),
      loader: "ts",
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target,
    plugins: [withoutCore],
  })
  const text = outputFiles[0]?.text ?? ""
  return import(`data:text/javascript,${encodeURIComponent(text)}`)
}

/** @type {import("esbuild").Plugin} */
const withoutCore = {
  name: "without-core",
  setup(bundler) {
    bundler.onResolve({ filter: /core\/index\.js$/ }, ({ path }) => ({ path, namespace: "none" }))
    bundler.onLoad({ filter: /./, namespace: "none" }, () => ({
      contents: `module.exports = {
        VaultError: class extends Error {},
        ...require("./audit/audit-line.ts"),
        ...require("./words/reveal-policy.ts"),
        ...require("./records/lease.ts"),
        ...require("./records/secret-metadata.ts"),
      }`,
      resolveDir: join(root, "src/core"),
    }))
  },
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of pages) {
    const file = join(root, page)
    await writeFile(file, await withParts(page, await readFile(file, "utf8")))
  }
}
