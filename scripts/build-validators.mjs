// Compiles the JSON Schemas to src/core/records/generated/: plain functions, since compiling one with ajv at
// run time would cost more than the rest of a start.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import Ajv2020 from "ajv/dist/2020.js"
import standaloneCode from "ajv/dist/standalone/index.js"
import { build } from "esbuild"
import { generated, root, target } from "./build-places.mjs"

/** @typedef {{ name: string, file: string, schema: import("ajv").AnySchemaObject }} NamedSchema */

/**
 * The schemas by the name of their validator: `validateManifest` for the manifest's, and
 * `validate` + the first part of the file name for each file in src/core/records/schemas.
 *
 * @returns {Promise<NamedSchema[]>}
 */
async function schemas() {
  const folder = join(root, "src/core/records/schemas")
  const files = (await readdir(folder).catch(() => []))
    .filter((file) => file.endsWith(".schema.json"))
    .toSorted()
    .map((file) => ({ noun: basename(file).split(".")[0] ?? file, path: join(folder, file) }))
  const all = [{ noun: "manifest", path: join(root, ".vault-manifest.schema.json") }, ...files]
  return Promise.all(
    all.map(async ({ noun, path }) => ({
      name: `validate${pascalCase(noun)}`,
      file: basename(path),
      schema: JSON.parse(await readFile(path, "utf8")),
    })),
  )
}

/** @param {string} text */
function pascalCase(text) {
  return text.replace(/(?:^|[-_])(\w)/g, (_, letter) => letter.toUpperCase())
}

/** Writes validators.js, one ES module that needs nothing at run time, and its types. */
export async function writeValidators() {
  const ajv = new Ajv2020.default({
    strict: true,
    strictTypes: true,
    strictTuples: true,
    allowUnionTypes: true,
    allErrors: false,
    // A definition that is used often is one function: commands that start often load all of them.
    inlineRefs: false,
    code: { source: true, esm: true },
  })
  // No schema of ours asks which members others looked at, and each function would note it.
  Object.assign(ajv.opts, { unevaluated: false, dynamicRef: false })
  /** @type {Record<string, string>} */
  const exported = {}
  for (const { name, file, schema } of await schemas()) {
    const id = schema.$id ?? file
    ajv.addSchema(schema, id)
    exported[name] = id
  }
  const { outputFiles } = await build({
    stdin: {
      contents: standaloneCode.default(ajv, exported),
      resolveDir: root,
      sourcefile: "validators.js",
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target,
    legalComments: "none",
    // Nobody reads it, and each door loads it: 93 kB less.
    minify: true,
  })
  const code = outputFiles[0]?.text ?? ""
  await mkdir(generated, { recursive: true })
  await writeIfChanged(join(generated, "validators.js"), `// Written by scripts/build.mjs\n${code}`)
  await writeIfChanged(join(generated, "validators.d.ts"), declarations(Object.keys(exported)))
}

/** @param {string[]} names */
function declarations(names) {
  return `// Written by scripts/build.mjs

/** Why a document breaks its schema; only the first reason is reported. */
export interface SchemaError {
  /** JSON Pointer to the value at fault, "" for the document itself. */
  readonly instancePath: string
  readonly schemaPath: string
  /** The keyword of the schema that failed, for example \`pattern\`. */
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message?: string
}

export interface Validator {
  (document: unknown): boolean
  /** Why the last call returned false. */
  errors?: readonly SchemaError[] | null
}

${names.map((name) => `export declare const ${name}: Validator\n`).join("")}`
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
