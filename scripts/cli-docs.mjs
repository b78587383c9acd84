// `node scripts/cli-docs.mjs` writes the commands of docs/cli.md from the table of the command.
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { format } from "prettier"
import { root, target } from "./build-places.mjs"

/** @typedef {import("../src/cli/parse/call.js").CommandSpec} CommandSpec */
/** @typedef {import("../src/cli/parse/call.js").OptionSpec} OptionSpec */

const page = join(root, "docs/cli.md")
const [begin, end] = ["<!-- commands: npm run docs -->", "<!-- /commands -->"]

/**
 * The text of the page with the commands of the table in it.
 *
 * @param {string} text
 */
export async function withCommands(text) {
  const { COMMANDS, isAboutWho, shownOption, shownWords } = await loadTable()
  const commands = COMMANDS.map((/** @type {CommandSpec} */ spec) => describe(spec)).join("\n")
  const [before, after] = [text.split(begin)[0], text.split(end)[1]]
  if (before === undefined || after === undefined) throw new Error(`${page} has no place for them`)
  return format(`${before}${begin}\n\n${commands}\n${end}${after}`, {
    parser: "markdown",
    printWidth: 100,
  })

  /** @param {CommandSpec} spec */
  function describe({ name, words, summary, options, examples, notes }) {
    const usage = ["agent-vault", name, shownWords(words)].filter(Boolean).join(" ")
    const given = Object.entries(options).filter(([option]) => !isAboutWho(options, option))
    return [
      `### ${name}`,
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

/** The table is TypeScript, and no module of the build. */
async function loadTable() {
  const { outputFiles } = await build({
    stdin: {
      contents: 'export * from "./table.js"; export { shownOption, shownWords } from "./call.js"',
      resolveDir: join(root, "src/cli/parse"),
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
      contents: "export class VaultError extends Error {}",
    }))
  },
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(page, await withCommands(await readFile(page, "utf8")))
}
