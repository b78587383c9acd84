// Learns how likely one character follows another in what people write: names, words and paths
// in the source files of node_modules. Writes src/precommit/detect/pairs.json, which is checked in.
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0."
const counts = Array.from(alphabet, () => Array.from(alphabet, () => 1))

/** @param {string} letter */
function index(letter) {
  if (letter >= "0" && letter <= "9") return 52
  const at = alphabet.indexOf(letter)
  return at < 0 ? 53 : at
}

for (const entry of readdirSync(join(root, "node_modules/"), {
  recursive: true,
  withFileTypes: true,
})) {
  if (!entry.isFile() || !/\.(?:d\.ts|ts|md|js|mjs|cjs)$/.test(entry.name)) continue
  const text = readFileSync(join(entry.parentPath, entry.name), "utf8")
  // Bundled and minified files, and tables of data, are not what people write.
  if (text.length > 400_000 || text.split("\n").some((line) => line.length > 2000)) continue
  // Each word of a file counts once, or "function" would be all that it learns.
  for (const word of new Set(text.match(/[\w./-]{5,40}/g))) {
    let previous = 53
    for (const letter of `${word}.`) {
      const at = index(letter)
      const row = counts[previous]
      if (row) row[at] = (row[at] ?? 0) + 1
      previous = at
    }
  }
}

// Quarters of a bit, from " " for 0: a row for each first character.
const rows = counts.map((row) => {
  const total = row.reduce((sum, count) => sum + count)
  return row
    .map((count) =>
      String.fromCharCode(35 + Math.min(80, Math.round(-4 * Math.log2(count / total)))),
    )
    .join("")
    .replaceAll("\\", "]")
})
writeFileSync(
  join(root, "src/precommit/detect/pairs.json"),
  `${JSON.stringify(rows, undefined, 2)}\n`,
)
