import { isAscii } from "node:buffer"
import { readFileSync, statSync } from "node:fs"
import { Script } from "node:vm"
import type { ChunkState, CodeCache, Compiled } from "./code-cache.js"

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

/** Some chunks as one script: an array of their functions. */
interface JoinedText {
  readonly chunks: readonly ChunkState[]
  readonly text: string
}

/** How a chunk begins that loads another one, as scripts/build-bundle.mjs writes it. */
const LOADED_FIRST = /^var import_\w+ = require\("(\.\/[^"]+)"\);$/gm

/** A process that lives for so long has begun, whatever it does. */
const BEGUN_MS = 1000

/**
 * Loads the chunks of the command as Node loads CommonJS, or from a cache: the texts of a chunk and of
 * all that it loads as it begins, as one script, with the code that V8 made of it. Twelve files and
 * twelve scripts take 2 ms longer. In the stack of an error such a script has the name of its first
 * chunk, and the lines of the others follow that one's own.
 * A cache that has none is given it: when the command has ended well, and before, if it goes on for
 * long. V8 forgets the code of what was not called for some time, as all is that begins.
 */
export class ChunkLoader {
  readonly #folder: string
  readonly #others: (name: string) => unknown
  readonly #cache: CodeCache
  readonly #found = new Map<string, unknown>()
  readonly #loaded = new Map<string, { exports: unknown }>()
  readonly #functions = new Map<string, Wrapped>()
  readonly #scripts = new Map<string, JoinedText & { readonly script: Script }>()
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
    const run = this.#functions.get(chunk) ?? this.#compile(chunk)
    const module = { exports: {} }
    this.#loaded.set(chunk, module)
    const require = (name: string): unknown => this.#require(name)
    run(module.exports, require, module, this.#fileOf(chunk), this.#folder)
    return module.exports
  }

  #require(name: string): unknown {
    if (name.startsWith("./")) return this.load(name)
    // Some are asked for at each use, and Node's own require takes 3 µs to find what it has.
    const found = this.#found.get(name) ?? this.#others(name)
    this.#found.set(name, found)
    return found
  }

  #compile(first: string): Wrapped {
    const kept = this.#cache.compiledFrom(first)
    const { text, chunks } = kept ?? this.#joined(first)
    const filename = this.#fileOf(first)
    const script = new Script(text, { filename, ...(kept && { cachedData: kept.code }) })
    const functions = script.runInThisContext() as readonly Wrapped[]
    for (const [at, { name }] of chunks.entries()) {
      this.#functions.set(name, functions[at] as Wrapped)
    }
    this.#scripts.set(first, { script, text, chunks })
    return functions[0] as Wrapped
  }

  /** A chunk, and what it loads as it begins, as far as that was not compiled before. */
  #joined(first: string): JoinedText {
    const chunks: ChunkState[] = []
    const texts: string[] = []
    const names = new Set([first])
    for (const name of names) {
      const file = this.#fileOf(name)
      const { size, mtimeMs } = statSync(file)
      const text = readFileSync(file, "utf8")
      chunks.push({ name, size, changedMs: mtimeMs })
      texts.push(`${BEFORE}${text}${AFTER}`)
      for (const [, next = ""] of text.matchAll(LOADED_FIRST)) {
        if (!this.#functions.has(next)) names.add(next)
      }
    }
    return { chunks, text: `[${texts.join()}]` }
  }

  #fileOf(chunk: string): string {
    return `${this.#folder}/${chunk.slice("./".length)}`
  }

  /** Of each script the most that there was of it. */
  #mostCompiled(): ReadonlyMap<string, Compiled> {
    for (const [first, { script, text, chunks }] of this.#scripts) {
      // As the build writes them all, and as the cache has them: a byte for each letter.
      if (!isAscii(Buffer.from(text))) continue
      const code = script.createCachedData()
      const before = this.#compiled.get(first)?.code.length ?? 0
      if (code.length > before) this.#compiled.set(first, { chunks, text, code })
    }
    return this.#compiled
  }
}
