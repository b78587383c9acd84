import { type Top, headOf } from "../named/cells.js"
import { randomBits } from "./random.js"

/** What is known of a text besides itself. */
export interface Origin {
  /** The file's path, with slashes. Some rules are for some files only. */
  readonly path?: string
  /** Whether to look for private keys only, as in binary files. */
  readonly onlyKeys?: boolean
  /** How often what it is written in was decoded already. */
  readonly decoded?: number
  /** Of a later piece of a file: how the file begins. */
  readonly beginning?: Beginning
}

/** What the beginning of a file says of all that follows. */
export interface Beginning extends Top {
  readonly isGenerated: boolean
}

export function beginningOf(text: string, path: string): Beginning {
  return { isGenerated: isGenerated(text, path), head: headOf(text) }
}

// Where a random value is not a secret: files that tools write, and packed code.

// Sets, since a long regular expression takes milliseconds to compile, and this is asked of each file.

/** Files that hold digests and generated text by the hundred, by their names and their endings. */
const FILES = new Set([
  "package-lock.json",
  "npm-shrinkwrap.json",
  "pnpm-lock.yaml",
  "go.sum",
  "go.mod",
  "gradle.lockfile",
  "verification-metadata.xml",
  ".secrets.baseline",
  "packages.lock.json",
  "project.assets.json",
  "package.resolved",
  "conda-lock.yml",
  ".pnp.cjs",
  ".pnp.loader.mjs",
])
const ENDINGS = new Set(
  `lock snap map svg css scss less woff woff2 ttf otf eot po pot mo xlf xliff strings resx csproj
  vbproj fsproj sln pbxproj vcxproj asc sig crt cer pub sum age gpg lockb wasm tsbuildinfo
  ipynb_checkpoints`.split(/\s+/),
)
const DIGESTS = /checksum|(?:sha\d{1,3}|md5)sum/
/** What a wheel installed, file by file, with digests. */
const RECORD = /\.dist-info\/RECORD$/
const TRANSLATIONS =
  /(?:^|\/)(?:i18n|locales?|lang|langs|languages|translations?|messages|_locales)\/[\w./-]+\.(?:json|ya?ml|php|ts|js|properties)$/i

/** What only ciphertext says. */
const CIPHERTEXT = ["kind: SealedSecret", "$ANSIBLE_VAULT;", "-----BEGIN PGP MESSAGE"]
const SOPS = /"?sops"?:\s{0,40}"?(?:kms|mac|age|pgp|version)/

/** Whether a tool wrote this file, so that the names in it say nothing. */
export function isGenerated(text: string, path = ""): boolean {
  return isGeneratedPath(path) || isCiphertext(text.slice(0, 4000))
}

function isGeneratedPath(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase()
  const ending = name.slice(name.lastIndexOf(".") + 1)
  if (FILES.has(name) || (ending !== name && ENDINGS.has(ending))) return true
  return (
    DIGESTS.test(name) ||
    /\.min\.(?:js|css)$/.test(name) ||
    TRANSLATIONS.test(path) ||
    RECORD.test(path)
  )
}

function isCiphertext(text: string): boolean {
  return (
    CIPHERTEXT.some((words) => text.includes(words)) || (text.includes("sops") && SOPS.test(text))
  )
}

const DATA = /^[A-Za-z0-9+/]{32}$/
const BLOCK = /-----BEGIN [A-Z0-9 ]{1,40}-----[A-Za-z0-9+/=\s\\"',]*/y

/** Tells where a text is Base64 through and through, so that chance writes anything: certificates, say. */
export class Data {
  readonly #text: string
  /** Where the next block begins, and where the one before it ends. */
  #begin = -1
  #end = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Whether an offset lies inside. Ask roughly in the order of the text. */
  surrounds(at: number): boolean {
    while (this.#begin < at) this.#nextBlock()
    if (at < this.#end) return true
    const before = this.#text.slice(Math.max(0, at - 32), at)
    return DATA.test(before) && randomBits(before) > 30
  }

  #nextBlock(): void {
    BLOCK.lastIndex = Math.max(0, this.#begin)
    if (BLOCK.test(this.#text)) this.#end = BLOCK.lastIndex
    const next = this.#text.indexOf("-----BEGIN ", Math.max(this.#end, this.#begin + 1))
    this.#begin = next === -1 ? Infinity : next
  }
}

/** A line is packed if it is this long and has hardly a blank. */
const LONG = 500
/** What code has more of than text. */
const CODE = new Uint8Array(128)
for (const letter of ";{}()=!&|?") CODE[letter.charCodeAt(0)] = 1

/** Whether the code around an offset was packed by a tool, with its names gone. */
export function isMinified(text: string, at: number): boolean {
  const from = Math.max(0, at - LONG)
  const to = Math.min(text.length, at + LONG)
  if (to - from < 2 * LONG) return false
  let code = 0
  let blanks = 0
  for (let each = from; each < to; each += 1) {
    const letter = text.charCodeAt(each)
    if (letter === 10) return false
    code += CODE[letter] ?? 0
    if (letter === 32 || letter === 9) blanks += 1
  }
  return code > (to - from) / 12 && blanks < (to - from) / 8
}

/** Pictures that show a project's state. Their addresses are made to be published. */
const BADGE =
  /\/(?:badge|graph)s?[\w./-]{0,80}\?(?:[\w=&-]{1,60}&)?token=$|\.svg\?(?:[\w=&-]{1,60}&)?(?:[a-z]{2,12}-)?(?:token|badge_key)=$/

/** Whether what stands at an offset belongs to the address of such a picture. */
export function isOfBadge(text: string, at: number): boolean {
  return BADGE.test(text.slice(Math.max(0, at - 160), at))
}
