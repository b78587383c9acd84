// Runs modules of ours when the program is built, so that it need not at each of its starts.
import { join } from "node:path"
import { build } from "esbuild"
import { root } from "./build-places.mjs"

/** Each exports values of JSON, and does nothing else. */
const modules = new Set(
  ["src/cli/parse/quick-table.ts", "src/precommit/detect/rule-table.ts"].map((path) =>
    join(root, path),
  ),
)

/**
 * Puts in the place of each such module what it exports, built with these plugins.
 *
 * @param {readonly import("esbuild").Plugin[]} plugins
 * @returns {import("esbuild").Plugin}
 */
export function builtAhead(plugins) {
  return {
    name: "built-ahead",
    setup(bundler) {
      bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        if (!modules.has(path)) return undefined
        const lines = Object.entries(await exportsOf(path, plugins)).map(
          ([name, value]) => `export const ${name} = ${written(value)}`,
        )
        return { contents: lines.join("\n") }
      })
    },
  }
}

/**
 * JSON.parse() is faster than the same as a literal.
 *
 * @param {unknown} value
 */
function written(value) {
  const json = JSON.stringify(value)
  return typeof value === "string" ? json : `JSON.parse(${JSON.stringify(json)})`
}

/**
 * @param {string} path
 * @param {readonly import("esbuild").Plugin[]} plugins
 * @returns {Promise<Record<string, unknown>>}
 */
async function exportsOf(path, plugins) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    plugins: [...plugins],
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")
  return import(`data:text/javascript;base64,${code}`)
}
