import { LIMITS } from "../words/limits.js"
import { VaultError } from "../words/errors.js"
import { inFolder, readRegularFile } from "./files.js"

// A repository may keep its refs in tables (`git init --ref-format=reftable`): reftable(5) in Git's
// technical documentation, "File format". Read here are refs of one work tree, such as HEAD, which
// come first in a table, by their names' order. Git itself reads and writes all others.

/** What `HEAD` says in such a repository, for programs that know nothing of tables. */
export const STUB = "ref: refs/heads/.invalid"

/** A ref of a work tree. */
interface OwnRef {
  /** The ref that it leads to; undefined where it names a commit. */
  readonly leadsTo: string | undefined
}

interface TableEntry extends OwnRef {
  readonly isDeleted: boolean
}

/** Git puts new tables in the place of old ones at any time. */
const ATTEMPTS = 20
const FOLDER = "reftable"
/** By the version of a table: what precedes its first block, and the length of an object's id. */
const HEADERS = { 1: 24, 2: 28 }
const SHA256 = "s256"
const REF_BLOCK = "r".charCodeAt(0)
/** What the lowest three bits of a record's second number say of its value. */
const VALUE = { deleted: 0, id: 1, peeled: 2, symbolic: 3 }

/**
 * A ref that a work tree has in its tables; undefined where there is none, or there are no tables.
 * Throws `REPOSITORY_STATE` for tables that cannot be read.
 */
export function refInTables(gitFolder: string, name: string): OwnRef | undefined {
  const folder = inFolder(gitFolder, FOLDER)
  for (let left = ATTEMPTS; left > 0; left--) {
    const tables = newestFirst(folder)
    if (tables === "replaced") continue
    for (const table of tables) {
      const entry = new Table(folder, table).find(name)
      if (entry !== undefined) return entry.isDeleted ? undefined : entry
    }
    return undefined
  }
  throw unreadable(folder)
}

/**
 * The ref that HEAD names there; undefined when HEAD is detached. Throws `REPOSITORY_STATE` where
 * there is no HEAD, either: a branch that is not told would have no marks.
 */
export function branchInTables(gitFolder: string): string | undefined {
  const head = refInTables(gitFolder, "HEAD")
  if (head === undefined) throw unreadable(inFolder(gitFolder, FOLDER))
  return head.leadsTo
}

/** All tables; a newer one counts before an older one. */
function newestFirst(folder: string): Buffer[] | "replaced" {
  const list = readRegularFile(inFolder(folder, "tables.list"), LIMITS.gitPointer)
  const tables: Buffer[] = []
  for (const line of Buffer.from(list ?? [])
    .toString("latin1")
    .split("\n")) {
    if (line === "") continue
    if (!/^[\w-]+\.ref$/.test(line)) throw unreadable(folder)
    const bytes = readRegularFile(inFolder(folder, line), LIMITS.refTable)
    if (bytes === undefined) return "replaced"
    tables.unshift(Buffer.from(bytes))
  }
  return tables
}

/** One table. */
class Table {
  readonly #folder: string
  readonly #bytes: Buffer
  #at = 0

  constructor(folder: string, bytes: Buffer) {
    this.#folder = folder
    this.#bytes = bytes
  }

  /** What the table says of a ref; undefined if nothing. */
  find(wanted: string): TableEntry | undefined {
    const version = this.#text(4) === "REFT" ? this.#number(1) : 0
    if (version !== 1 && version !== 2) throw unreadable(this.#folder)
    const blockSize = this.#number(3)
    const isLong = version === 2 && this.#bytes.toString("latin1", 24, 28) === SHA256
    // The first block begins where the file does, before its header.
    let [block, first] = [0, HEADERS[version]]
    while (this.#bytes[first] === REF_BLOCK) {
      this.#at = first + 1
      const end = block + this.#number(3)
      const entry = this.#findIn(end, wanted, isLong ? 32 : 20)
      if (entry !== "later") return entry
      // A block is padded with zeros to the size of all, or the next one follows at once.
      block = this.#bytes[end] === 0 ? block + blockSize : end
      if (block < this.#at) throw unreadable(this.#folder)
      first = block
    }
    return undefined
  }

  /** The same of the block that ends at `end`; `later` if refs that come before it fill the block. */
  #findIn(end: number, wanted: string, idLength: number): TableEntry | undefined | "later" {
    if (end - 2 < this.#at || end > this.#bytes.length) throw unreadable(this.#folder)
    const last = end - 2 - 3 * this.#bytes.readUInt16BE(end - 2)
    for (let name = ""; this.#at < last;) {
      const kept = this.#varint()
      const packed = this.#varint()
      name = name.slice(0, kept) + this.#text(packed >> 3)
      this.#varint()
      const type = packed & 7
      if (type > VALUE.symbolic) throw unreadable(this.#folder)
      const leadsTo = type === VALUE.symbolic ? this.#text(this.#varint()) : undefined
      if (name === wanted) return { leadsTo, isDeleted: type === VALUE.deleted }
      if (name > wanted) return undefined
      if (type !== VALUE.symbolic) this.#at += type * idLength
    }
    return "later"
  }

  #number(length: number): number {
    return this.#take(length).readUIntBE(0, length)
  }

  #text(length: number): string {
    return this.#take(length).toString("latin1")
  }

  /** A number of any length, as Git's packs have it for offsets. */
  #varint(): number {
    let byte = this.#number(1)
    let value = byte & 0x7f
    while (byte & 0x80) {
      byte = this.#number(1)
      value = (value + 1) * 128 + (byte & 0x7f)
    }
    return value
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    if (taken.length < length || length === 0) throw unreadable(this.#folder)
    this.#at += length
    return taken
  }
}

function unreadable(folder: string): VaultError {
  return new VaultError("REPOSITORY_STATE", `the tables of refs in ${folder} cannot be read`, {
    hint: "if git reads them (git status), let it write files: git refs migrate --ref-format=files",
  })
}
