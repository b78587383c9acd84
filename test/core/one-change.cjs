// `node one-change.cjs BUNDLE ARGUMENTS`: runs a bundle with the code that V8 made of it when it first
// ended well, kept beside it. Without that, compiling is half of what one change costs.
const { existsSync, readFileSync, renameSync, writeFileSync } = require("node:fs")
const { Script } = require("node:vm")

// From here on argv is as if the bundle had been started.
process.argv.splice(1, 1)
const [, bundle = ""] = process.argv
const kept = `${bundle}.v8`
const text = `(function (require, module, exports) { ${readFileSync(bundle, "utf8")}\n})`
const cachedData = existsSync(kept) ? readFileSync(kept) : undefined
const script = new Script(text, { filename: bundle, ...(cachedData && { cachedData }) })
const run = /** @type {(...given: unknown[]) => void} */ (script.runInThisContext())
run(require, module, exports)

// Of what is to be killed at one of its calls, no call may be ours.
if (cachedData === undefined && process.env["KILL_AT"] === undefined) {
  process.once("exit", (code) => {
    if (code !== 0) return
    writeFileSync(`${kept}.${process.pid}`, script.createCachedData())
    renameSync(`${kept}.${process.pid}`, kept)
  })
}
