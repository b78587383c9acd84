// Where a text says that its values are examples: a description of an API or a schema has them under
// `example`, and a file of an API's examples has requests and answers.

/** What only a text says that describes an API or a schema. */
const DESCRIBES =
  /(?:^|[\s{,])["']?(?:openapi|swagger|asyncapi|\$schema|\$ref|properties|members)["']?[ \t]{0,9}:/
const EXAMPLE = /^(?:x-)?examples?$/i

/** A file of examples, and what its requests and answers are called. */
const FILE = /(?:^|\/)(?:api[-_])?examples?(?:-\d{1,2})?\.json$/i
const EXCHANGE = /^(?:(?:x-)?examples?|input|output|request|response)$/i

const YAML = /\.ya?ml$/i
const BLOCK = /^([ \t]*(?:- )?)["']?(?:x-)?examples?["']?:(?:[ \t]|\r?$)/

/** Which characters of a text belong to examples. Undefined if none do. */
export function examplesIn(text: string, path = ""): Uint8Array | undefined {
  const isFile = FILE.test(path)
  if (!isFile && !(/example/i.test(text) && DESCRIBES.test(text))) return undefined
  const found = new Uint8Array(text.length)
  if (YAML.test(path)) markBlocks(text, found)
  else if (!markValues(text, isFile ? EXCHANGE : EXAMPLE, found)) return undefined
  return found
}

/** Marks the values of these keys; false if the text is no JSON. */
function markValues(text: string, keys: RegExp, found: Uint8Array): boolean {
  if (!/^\s{0,99}[{[]/.test(text)) return false
  // Where each bracket that is open stands, if it begins an example, and none stands around it.
  const open: (number | undefined)[] = []
  let outer: number | undefined
  let isExample = false
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]
    if (letter === '"') {
      const end = endOfString(text, at)
      if (end === undefined) return false
      const isKey = /^\s{0,20}:/.test(text.slice(end + 1, end + 22))
      if (!isKey && isExample) found.fill(1, at, end)
      isExample = isKey && keys.test(text.slice(at + 1, end))
      at = end
    } else if (letter === "{" || letter === "[") {
      const begins = isExample && outer === undefined
      open.push(begins ? at : undefined)
      if (begins) outer = at
      isExample = false
    } else if (letter === "}" || letter === "]") {
      if (open.pop() !== undefined) {
        found.fill(1, outer, at)
        outer = undefined
      }
    }
  }
  return open.length === 0
}

/** Where a text of JSON ends that begins at an offset. */
function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at
    if (text[at] === "\n") return undefined
    if (text[at] === "\\") at += 1
  }
  return undefined
}

/** Marks what is indented below `example:`. */
function markBlocks(text: string, found: Uint8Array): void {
  let block = Infinity
  let at = 0
  for (const line of text.split("\n")) {
    const indent = line.search(/[^ \t\r]/)
    if (indent >= 0 && indent <= block) block = BLOCK.exec(line)?.[1]?.length ?? Infinity
    if (block < Infinity) found.fill(1, at, at + line.length)
    at += line.length + 1
  }
}
