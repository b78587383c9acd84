// Lets V8 compile functions as it loads a file, and not at their first call. By then it has read each
// of them once, to find its end, and would read it again: docs/performance.md has what that takes.
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

// As esbuild writes them.
const loadedAtOnce = /^(?:var|const) \w+ = require\("\.\/([^"]+)"\);$/gm
const declared = /^(?:async )?function\*? ([\w$]+)\([^]*?\n\}$/gm

/**
 * Makes the functions of a file, and of those that it loads with itself, expressions in brackets: by
 * these V8 knows what is called soon. They stand first, since declarations count everywhere.
 *
 * @param {string} folder
 * @param {string} name
 */
export async function compileAtLoad(folder, name) {
  const names = new Set([name])
  for (const each of names) {
    const file = join(folder, each)
    const code = await readFile(file, "utf8")
    for (const [, loaded = ""] of code.matchAll(loadedAtOnce)) names.add(loaded)
    await writeFile(file, withExpressions(code))
  }
}

/** @param {string} code */
function withExpressions(code) {
  /** @type {string[]} */
  const functions = []
  const rest = code.replace(declared, (text, name) => {
    functions.push(`var ${name} = (${text});`)
    return ""
  })
  const [strict = "", ...lines] = rest.split("\n")
  return [strict, ...functions, ...lines].join("\n")
}
