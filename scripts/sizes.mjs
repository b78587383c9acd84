// `node scripts/sizes.mjs [REVISION]`: how long the files and the functions of `src` are, in the
// work tree or as they were committed. A function's lines are those that the linter counts, of the
// functions inside it too; blank lines and comments are counted.
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const [revision] = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), "agent-vault-sizes-"))
try {
  const tree = revision === undefined ? root : committed(revision)
  const files = sources(join(tree, "src"))
  const lines = files.map((file) => readFileSync(file, "utf8").split("\n").length - 1)
  process.stdout.write(`${row("files", lines)}${row("functions", functionLines(files))}`)
} finally {
  rmSync(scratch, { recursive: true })
}

/**
 * @param {string} commit
 * @returns {string} a folder with its `src`
 */
function committed(commit) {
  const options = { cwd: root, maxBuffer: 1 << 28 }
  const archive = execFileSync("git", ["archive", commit, "--", "src"], options)
  const tree = join(scratch, "tree")
  mkdirSync(tree)
  execFileSync("tar", ["-x", "-C", tree], { input: archive })
  return tree
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sources(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("generated"))
    .map((file) => join(folder, file))
}

/**
 * @param {string[]} files
 * @returns {number[]} the lines of each function
 */
function functionLines(files) {
  const config = join(scratch, "oxlint.json")
  const rules = { "max-lines-per-function": ["error", { max: 0, IIFEs: true }] }
  writeFileSync(config, JSON.stringify({ categories: { correctness: "off" }, rules }))
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint")
  const argv = [oxlint, "--config", config, "--format", "json", ...files]
  const { stdout } = spawnSync(process.execPath, argv, { encoding: "utf8", maxBuffer: 1 << 28 })
  /** @type {{ diagnostics: { message: string }[] }} */
  const { diagnostics } = JSON.parse(stdout)
  return diagnostics.map(({ message }) => Number(/\((\d+)\)/u.exec(message)?.[1]))
}

/**
 * @param {string} what
 * @param {number[]} sizes
 */
function row(what, sizes) {
  const sorted = sizes.toSorted((a, b) => a - b)
  const at = (/** @type {number} */ share) => sorted[Math.ceil(share * sorted.length) - 1]
  const figures = `median ${at(0.5)}, 90th percentile ${at(0.9)}, largest ${at(1)}`
  return `${sorted.length} ${what}, ${sorted.reduce((a, b) => a + b, 0)} lines: ${figures}\n`
}
