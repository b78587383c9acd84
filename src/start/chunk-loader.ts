import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs"
import { isAscii } from "node:buffer"
import process from "node:process"
import { Script } from "node:vm"
import type { CodeCache, Compiled } from "./code-cache.js"

/** What Node wraps a CommonJS file in. */
const BEFORE = "(function (exports, require, module, __filename, __dirname) { "
const AFTER = "\n})"

type Wrapped = (
  exports: unknown,
  require: (name: string) => unknown,
  module: { exports: unknown },
  file: string,
  folder: string,
) => void

/** A process that lives for so long has begun, whatever it does. */
const BEGUN_MS = 1000

/**
 * Loads the chunks of the command as Node loads CommonJS, with the code that a cache has of them.
 * If it has none, it is given what V8 made of them: when the command has ended well, and before, if
 * it goes on for long. V8 forgets the code of what was not called for some time, as all is that begins.
 */
export class ChunkLoader {
  readonly #folder: string
  readonly #others: (name: string) => unknown
  readonly #cache: CodeCache
  readonly #found = new Map<string, unknown>()
  readonly #loaded = new Map<string, { exports: unknown }>()
  readonly #scripts = new Map<string, { script: Script; source: Stats }>()
  readonly #compiled = new Map<string, Compiled>()

  constructor(folder: string, others: (name: string) => unknown, cache: CodeCache) {
    this.#folder = folder
    this.#others = others
    this.#cache = cache
    if (cache.isThere) return
    const keep = (): void => cache.write(this.#mostCompiled())
    setTimeout(keep, BEGUN_MS).unref()
    process.once("exit", (code) => {
      if (code === 0) keep()
    })
  }

  /** What a chunk exports; its name is as the chunks have it: `./name.cjs`. */
  load(chunk: string): unknown {
    const known = this.#loaded.get(chunk)
    if (known !== undefined) return known.exports
    const file = `${this.#folder}/${chunk.slice("./".length)}`
    const module = { exports: {} }
    this.#loaded.set(chunk, module)
    const run = this.#scriptOf(chunk, file).runInThisContext() as Wrapped
    run(module.exports, (name) => this.#require(name), module, file, this.#folder)
    return module.exports
  }

  #require(name: string): unknown {
    if (name.startsWith("./")) return this.load(name)
    // Some are asked for at each use, and Node's own require takes 3 µs to find what it has.
    const found = this.#found.get(name) ?? this.#others(name)
    this.#found.set(name, found)
    return found
  }

  #scriptOf(chunk: string, file: string): Script {
    const { text, source } = readWrapped(file)
    const cachedData = this.#cache.codeOf(chunk, source)
    const script = new Script(text, { filename: file, ...(cachedData && { cachedData }) })
    this.#scripts.set(chunk, { script, source })
    return script
  }

  /** Of each chunk the most that there was of it. */
  #mostCompiled(): ReadonlyMap<string, Compiled> {
    for (const [chunk, { script, source }] of this.#scripts) {
      const code = script.createCachedData()
      const before = this.#compiled.get(chunk)?.code.length ?? 0
      if (code.length > before) this.#compiled.set(chunk, { code, source })
    }
    return this.#compiled
  }
}

/** A chunk's text in its wrapping, made a string once. */
function readWrapped(file: string): { text: string; source: Stats } {
  const descriptor = openSync(file, "r")
  try {
    const source = fstatSync(descriptor)
    const bytes = Buffer.allocUnsafe(BEFORE.length + source.size + AFTER.length)
    bytes.write(BEFORE)
    const end = BEFORE.length + readSync(descriptor, bytes, BEFORE.length, source.size, 0)
    bytes.write(AFTER, end)
    const text = bytes.subarray(0, end + AFTER.length)
    // As the build makes them all: then nothing has to be decoded.
    return { text: text.toString(isAscii(text) ? "latin1" : "utf8"), source }
  } finally {
    closeSync(descriptor)
  }
}
