// Writes the npm package's library. One form, CommonJS, which `import` and `require` both load, so
// that no process ever holds it twice; beside it, the types that its two faces need.
import { cp, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { writeBundle } from "./build-bundle.mjs"
import { root } from "./build-places.mjs"

const faces = ["index", "owner"]
// Started by its path, beside the chunks.
const worker = ["reseal-worker", join(root, "src/core/change/reseal-worker.ts")]

/**
 * @param {string} folder
 * @param {string} compiled the folder with the types of the sources, as the compiler wrote them
 */
export async function writeLibrary(folder, compiled) {
  const entries = [...faces.map((face) => [face, join(root, `src/core/${face}.ts`)]), worker]
  await writeFile(join(folder, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`)
  await writeBundle(folder, Object.fromEntries(entries), ".js")
  await Promise.all(faces.map((face) => writeFace(folder, compiled, face)))
  for (const file of await reachableTypes(compiled)) {
    await cp(join(compiled, file), join(folder, file), { recursive: true })
  }
}

/**
 * Writes what the package shows of a face: the names that have types, so nothing internal. A file
 * of its own also because Node searches all of a CommonJS file that is imported for its names.
 *
 * @param {string} folder
 * @param {string} compiled
 * @param {string} face
 */
async function writeFace(folder, compiled, face) {
  const types = await readFile(join(compiled, `${face}.d.ts`), "utf8")
  const names = [...types.matchAll(/^export \{([^}]+)\}/gm)]
    .flatMap(([, list = ""]) => list.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
  const lines = names.toSorted().map((name) => `exports.${name} = all.${name}`)
  const text = ['"use strict"', `const all = require("./${face}.js")`, ...lines].join("\n")
  await writeFile(join(folder, `${face}.cjs`), `${text}\n`)
}

/**
 * The files with types that the faces need, and those need in turn; relative to `compiled`.
 *
 * @param {string} compiled
 */
async function reachableTypes(compiled) {
  const found = new Set(faces.map((face) => `${face}.d.ts`))
  for (const file of found) {
    const text = await readFile(join(compiled, file), "utf8")
    for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)) {
      found.add(join(file, "..", `${specifier}.d.ts`))
    }
  }
  return [...found]
}
