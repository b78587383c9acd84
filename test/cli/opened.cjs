// Loaded before the built command: notes which files and folders it opens, by Node's own functions,
// and which of Node's modules it loads.
const fs = require("node:fs")
const { writeFileSync } = fs
const { OPENED_LOG: log = "", MODULES_LOG: modules } = process.env

/** @type {string[]} */
const opened = []
for (const name of /** @type {const} */ (["openSync", "readFileSync", "readdirSync"])) {
  const real = /** @type {(...args: unknown[]) => unknown} */ (fs[name])
  Object.assign(fs, {
    [name]: (/** @type {unknown[]} */ ...args) => {
      if (typeof args[0] !== "number") opened.push(String(args[0]))
      return real.apply(fs, args)
    },
  })
}
process.once("exit", () => {
  writeFileSync(log, JSON.stringify(opened))
  const { moduleLoadList } = /** @type {{ moduleLoadList?: readonly string[] }} */ (process)
  if (modules !== undefined) writeFileSync(modules, JSON.stringify(moduleLoadList))
})
