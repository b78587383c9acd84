import type { VaultFiles } from "../disk/files.js"

/** Changes of a vault's files that exist in memory only, over the files they were made from. */
export class Draft implements VaultFiles {
  readonly #base: VaultFiles
  readonly #files = new Map<string, Uint8Array | undefined>()

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
    const paths = new Set(this.#base.list())
    for (const [path, bytes] of this.#files) {
      if (bytes === undefined) paths.delete(path)
      else paths.add(path)
    }
    return [...paths].sort()
  }

  write(path: string, bytes: Uint8Array): void {
    // A copy of its own: a small Buffer keeps the 8 KB alive that it shares with others.
    this.#files.set(path, new Uint8Array(bytes))
    this.#base.letGo?.(path)
  }

  remove(path: string): void {
    this.#files.set(path, undefined)
  }

  /** What changes, by path: new bytes, or undefined for a file that goes. */
  get changes(): ReadonlyMap<string, Uint8Array | undefined> {
    return this.#files
  }
}
