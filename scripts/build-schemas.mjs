// Writes the JSON Schemas to src/core/records/generated/ as texts, without what is for people: to
// parse one takes less than to load an object literal of the same size.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { generated, root } from "./build-places.mjs"

const FOR_PEOPLE = new Set(["$schema", "$id", "title", "description", "examples"])
/** What maps names, any of which may be one of those, to schemas. */
const MAPS = new Set(["properties", "$defs", "dependentRequired"])

/** Writes schemas.js, an ES module with `vaultSchema` and the like, and its types. */
export async function writeSchemas() {
  const folder = join(root, "src/core/records/schemas")
  const files = (await readdir(folder)).filter((file) => file.endsWith(".schema.json")).toSorted()
  const places = [
    { noun: "manifest", path: join(root, ".vault-manifest.schema.json") },
    ...files.map((file) => ({ noun: file.split(".")[0] ?? file, path: join(folder, file) })),
  ]
  const lines = await Promise.all(
    places.map(async ({ noun, path }) => {
      const schema = JSON.stringify(leanSchema(JSON.parse(await readFile(path, "utf8"))))
      return `export const ${noun}Schema = ${JSON.stringify(schema)}\n`
    }),
  )
  const types = places.map(({ noun }) => `export declare const ${noun}Schema: string\n`)
  await mkdir(generated, { recursive: true })
  await writeIfChanged(join(generated, "schemas.js"), written(lines))
  await writeIfChanged(join(generated, "schemas.d.ts"), written(types))
}

/**
 * @param {unknown} schema
 * @returns {unknown}
 */
function leanSchema(schema) {
  if (Array.isArray(schema)) return schema.map(leanSchema)
  if (typeof schema !== "object" || schema === null) return schema
  const members = Object.entries(schema).filter(([name]) => !FOR_PEOPLE.has(name))
  return Object.fromEntries(
    members.map(([name, value]) => {
      return [name, MAPS.has(name) ? eachLean(value) : leanSchema(value)]
    }),
  )
}

/** @param {Record<string, unknown>} schemas */
function eachLean(schemas) {
  const named = Object.entries(schemas).map(([name, schema]) => [name, leanSchema(schema)])
  return Object.fromEntries(named)
}

/** @param {readonly string[]} lines */
function written(lines) {
  return `// Written by scripts/build.mjs\n${lines.join("")}`
}

/**
 * Leaves an unchanged file untouched, so that nothing that watches it runs again.
 *
 * @param {string} path
 * @param {string} text
 */
async function writeIfChanged(path, text) {
  const before = await readFile(path, "utf8").catch(() => undefined)
  if (before !== text) await writeFile(path, text)
}
