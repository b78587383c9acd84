// Prints what the guard finds of the set in test/precommit/corpus.ts, and what it takes for a
// credential by mistake; with a folder, every finding in its files, masked.
import { readFileSync, readdirSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))
const { outputFiles } = await build({
  stdin: {
    contents: `
      export { findCredentials } from "./src/precommit/detect.js"
      export { mask } from "./src/precommit/mask.js"
      export { negatives, positives } from "./test/precommit/corpus.js"`,
    resolveDir: root,
  },
  bundle: true,
  write: false,
  platform: "node",
  format: "esm",
})
const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")
/**
 * @typedef {typeof import("../src/precommit/detect.js")
 *   & typeof import("../src/precommit/mask.js")
 *   & typeof import("../test/precommit/corpus.js")} Bundle
 */
const bundle = /** @type {Bundle} */ (await import(`data:text/javascript;base64,${code}`))
const { findCredentials, mask, negatives, positives } = bundle

const [given] = process.argv.slice(2)
if (given === undefined) measure()
else list(given)

function measure() {
  const samples = positives(1)
  const missed = samples.filter(
    ({ text, path, secret }) =>
      !findCredentials(text, { path }).some(({ start, end }) => {
        const found = text.slice(start, end)
        return secret.includes(found) || found.includes(secret)
      }),
  )
  const harmless = negatives(1)
  const alarms = harmless.filter(({ text, path }) => findCredentials(text, { path }).length > 0)
  console.log(`kinds         ${new Set(samples.map(({ kind }) => kind)).size}`)
  console.log(`recall        ${share(samples.length - missed.length, samples.length)}`)
  console.log(`false alarms  ${share(alarms.length, harmless.length)}`)
  for (const { kind, context } of missed) console.log(`missed        ${kind} in ${context}`)
  for (const { kind, context } of alarms) console.log(`false alarm   ${kind} in ${context}`)
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return `${((100 * part) / whole).toFixed(1)} % (${part} of ${whole})`
}

/** @param {string} folder */
function list(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const bytes = readFileSync(file)
    const onlyKeys = bytes.subarray(0, 8000).includes(0) || bytes.length > 5 * 2 ** 20
    const text = bytes.toString(onlyKeys ? "latin1" : "utf8")
    const path = relative(folder, file)
    for (const { rule, start, end } of findCredentials(text, { path, onlyKeys })) {
      const line = text.slice(0, start).split("\n").length
      console.log(`${path}:${line} ${rule} ${mask(text.slice(start, end))}`)
    }
  }
}
