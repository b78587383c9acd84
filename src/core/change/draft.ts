import type { VaultFiles } from "../disk/files.js"

/** Changes of a vault's files that exist in memory only, over the files they were made from. */
export class Draft implements VaultFiles {
  /** What the secrets' records in it replaced, by their digests. */
  readonly replaced = new Map<string, string | undefined>()
  readonly #base: VaultFiles
  readonly #files = new Map<string, Uint8Array | undefined>()
  #listing: readonly string[] | undefined

  constructor(base: VaultFiles) {
    this.#base = base
  }

  read(path: string): Uint8Array | undefined {
    return this.#files.has(path) ? this.#files.get(path) : this.#base.read(path)
  }

  /** What lies at `path` under the draft. */
  original(path: string): Uint8Array | undefined {
    return this.#base.read(path)
  }

  list(): readonly string[] {
    this.#listing ??= this.#list()
    return this.#listing
  }

  #list(): readonly string[] {
    const before = this.#base.list()
    if (this.#files.size === 0) return before
    const paths = new Set(before)
    for (const [path, bytes] of this.#files) {
      if (bytes === undefined) paths.delete(path)
      else paths.add(path)
    }
    return [...paths].sort()
  }

  write(path: string, bytes: Uint8Array): void {
    if (this.#files.get(path) === undefined) this.#listing = undefined
    // A copy of its own: a small Buffer keeps the 8 KB alive that it shares with others.
    this.#files.set(path, new Uint8Array(bytes))
    this.#base.letGo?.(path)
  }

  remove(path: string): void {
    this.#listing = undefined
    this.#files.set(path, undefined)
  }

  /** What changes, by path: new bytes, or undefined for a file that goes. */
  get changes(): ReadonlyMap<string, Uint8Array | undefined> {
    return this.#files
  }
}
