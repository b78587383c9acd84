// Lets the bundler see past the faces of core. A chunk holds whole files, and esbuild puts into the
// chunks of an entry whatever an import leads to, used or not: by a face, that is all of core.
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { root } from "./build-places.mjs"

const core = join(root, "src/core")
const faces = new Set(["index", "owner", "guard", "npm", "npm-owner"].map((name) => inCore(name)))
/** What a face declares itself, beside the list of what others declare. */
const OWN = "?own"

const importOrExport = /^(import|export) (type )?\{([^}]*)\} from "(\.[^"]+)"\n/gm
const exportOfAll = /^export \* from "(\.[^"]+)"\n/gm

/** @param {string} name */
function inCore(name) {
  return join(core, `${name}.ts`)
}

/**
 * An import from a face becomes an import of the files that declare what is imported.
 *
 * @type {import("esbuild").Plugin}
 */
export const pastFaces = {
  name: "past-faces",
  setup(bundler) {
    bundler.onResolve({ filter: /\?own$/ }, ({ path, resolveDir }) => ({
      path: sourceOf(resolveDir, path.slice(0, -OWN.length)),
      suffix: OWN,
    }))
    bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path, suffix }) => {
      const text = await readFile(path, "utf8")
      const contents =
        suffix === OWN
          ? text.replace(importOrExport, "").replace(exportOfAll, "")
          : await straightened(text, path)
      return { contents, loader: "ts" }
    })
  },
}

/**
 * @param {string} folder
 * @param {string} specifier as the sources have it
 */
function sourceOf(folder, specifier) {
  return join(folder, specifier.replace(/\.js$/, ".ts"))
}

/**
 * @param {string} text
 * @param {string} path the file that it is of
 */
async function straightened(text, path) {
  if (faces.has(path)) return text
  /** @type {Map<string, string>} */
  const instead = new Map()
  for (const [statement, keyword, type, names = "", specifier = ""] of text.matchAll(
    importOrExport,
  )) {
    const face = sourceOf(dirname(path), specifier)
    if (type !== undefined || !faces.has(face)) continue
    const declared = await declaredBehind(face)
    const lines = valuesIn(names).map(({ name, as }) => {
      const from = declared.get(name)
      const { file, original } = from ?? { file: `${specifier}${OWN}`, original: name }
      return `${keyword} { ${original} as ${as} } from ${JSON.stringify(file)};`
    })
    // On as many lines as before: errors name lines.
    instead.set(statement, lines.join(" ") + "\n".repeat(statement.split("\n").length - 1))
  }
  return text.replace(importOrExport, (statement) => instead.get(statement) ?? statement)
}

/** @type {Map<string, Promise<Map<string, { file: string, original: string }>>>} */
const known = new Map()

/**
 * What a face lists, by the names that it gives it.
 *
 * @param {string} face
 */
function declaredBehind(face) {
  const found = known.get(face) ?? listed(face)
  known.set(face, found)
  return found
}

/** @param {string} face */
async function listed(face) {
  const text = await readFile(face, "utf8")
  /** @type {Map<string, { file: string, original: string }>} */
  const declared = new Map()
  for (const [, specifier = ""] of text.matchAll(exportOfAll)) {
    const inner = await declaredBehind(sourceOf(dirname(face), specifier))
    inner.forEach((from, name) => declared.set(name, from))
  }
  for (const [, , type, names = "", specifier = ""] of text.matchAll(importOrExport)) {
    if (type !== undefined) continue
    const file = sourceOf(dirname(face), specifier)
    valuesIn(names).forEach(({ name, as }) => declared.set(as, { file, original: name }))
  }
  return declared
}

/**
 * The values in a list in braces, without the types.
 *
 * @param {string} names
 */
function valuesIn(names) {
  return names
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "" && !word.startsWith("type "))
    .map((word) => {
      const [name = "", as = name] = word.split(" as ")
      return { name, as }
    })
}
