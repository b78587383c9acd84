import { randomBits } from "./random.js"

// Where a random value is no secret: files that tools write, and code that was packed.

/** Files that hold digests and generated text by the hundred. */
const GENERATED =
  /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.(?:sum|mod)|composer\.lock|flake\.lock|gradle\.lockfile|[\w.-]+\.lock|[\w.-]*(?:checksums?|sha\d{1,3}sums?|md5sums?)[\w.-]*|verification-metadata\.xml|\.secrets\.baseline|[\w.-]+\.(?:snap|map|min\.js|min\.css|svg|css|scss|less|woff2?|ttf|otf|eot|po|pot|mo|xlf|xliff|strings|resx|csproj|vbproj|fsproj|sln|pbxproj|vcxproj|asc|sig|crt|cer|pub|pem\.pub|sum|age|gpg|lockb|wasm|tsbuildinfo|ipynb_checkpoints))$/i
const TRANSLATIONS =
  /(?:^|\/)(?:i18n|locales?|lang|langs|languages|translations?|messages|_locales)\/[\w./-]+\.(?:json|ya?ml|php|ts|js|properties)$/i

/** What only ciphertext says. */
const CIPHERTEXT =
  /\bkind: SealedSecret\b|^\$ANSIBLE_VAULT;|"?sops"?:\s*\n?\s*"?(?:kms|mac|age|pgp|version)|-----BEGIN PGP MESSAGE/m

/** Whether a tool wrote this file, so that the names in it say nothing. */
export function isGenerated(text: string, path = ""): boolean {
  return GENERATED.test(path) || TRANSLATIONS.test(path) || CIPHERTEXT.test(text.slice(0, 4000))
}

const DATA = /^[A-Za-z0-9+/]{48}$/

/** Whether an offset is in the midst of Base64, where chance writes anything: a certificate, say. */
export function isInData(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 48), at)
  if (DATA.test(before) && randomBits(before) > 30) return true
  const block = text.slice(Math.max(0, at - 16_384), at)
  const begin = block.lastIndexOf("-----BEGIN ")
  if (begin === -1) return false
  return /^-----BEGIN [A-Z0-9 ]{1,40}-----[A-Za-z0-9+/=\s\\"',]*$/.test(block.slice(begin))
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
