// Writes the npm package's library. One form, CommonJS, which `import` and `require` both load, so
// that no process ever holds it twice; beside it, the types that its two lists of exports need.
import { cp, readFile, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { writeBundle } from "./build-bundle.mjs"
import { compileAtLoad } from "./build-eager.mjs"
import { root } from "./build-places.mjs"

// What the package exports: as much as these list.
const lists = ["npm", "npm-owner"]
// Started by its path, beside the chunks.
const worker = ["reseal-worker", join(root, "src/core/change/reseal-worker.ts")]

/**
 * @param {string} folder
 * @param {string} compiled the folder with the types of the sources, as the compiler wrote them
 */
export async function writeLibrary(folder, compiled) {
  const entries = [...lists.map((list) => [list, join(root, `src/core/${list}.ts`)]), worker]
  await writeFile(join(folder, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`)
  const doors = lists.map((list) => [`src/core/${list}.ts`])
  await writeBundle(folder, Object.fromEntries(entries), ".js", doors)
  await compileAtLoad(folder, "npm.js")
  await Promise.all(lists.map((list) => writeFace(folder, list)))
  for (const file of await reachableTypes(compiled)) {
    await cp(join(compiled, file), join(folder, file), { recursive: true })
  }
}

/**
 * Writes a file that names the exports of a bundle, for `import`: Node searches all of a CommonJS
 * file for its names, and this one is short.
 *
 * @param {string} folder
 * @param {string} list
 */
async function writeFace(folder, list) {
  const names = Object.keys(createRequire(import.meta.url)(join(folder, `${list}.js`)))
  const lines = names.toSorted().map((name) => `exports.${name} = all.${name}`)
  const text = ['"use strict"', `const all = require("./${list}.js")`, ...lines].join("\n")
  await writeFile(join(folder, `${list}.cjs`), `${text}\n`)
}

/**
 * The files with types that the lists need, and those need in turn; relative to `compiled`.
 *
 * @param {string} compiled
 */
async function reachableTypes(compiled) {
  const found = new Set(lists.map((list) => `${list}.d.ts`))
  for (const file of found) {
    const text = await readFile(join(compiled, file), "utf8")
    for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)) {
      found.add(join(file, "..", `${specifier}.d.ts`))
    }
  }
  return [...found]
}
