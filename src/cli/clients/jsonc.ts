import {
  type Node,
  type ParseError,
  applyEdits,
  createScanner,
  findNodeAtLocation,
  modify,
  parse,
  parseTree,
} from "jsonc-parser"

/** Text that is not what its format asks for, and the line where that shows, from 1. */
export class NotParsed extends Error {
  readonly line: number

  constructor(line: number) {
    super(`line ${line}`)
    this.line = line
  }
}

const BYTE_ORDER_MARK = "\ufeff"

/** JSON as editors take it: with comments and commas at the end. Throws {@link NotParsed}. */
export function parseJsonc(text: string): unknown {
  const json = withoutMark(text)
  const errors: ParseError[] = []
  const document: unknown = parse(json, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first === undefined) return document
  throw new NotParsed(json.slice(0, first.offset).split("\n").length)
}

/** Sets the value at a path, or takes it out if it is undefined. Whatever else is there stays. */
export function editJsonc(text: string, path: readonly string[], value: unknown): string {
  return behindMark(text, (json) =>
    value === undefined ? without(json, path) : withValue(json, path, value),
  )
}

/** Puts a value at the end of the list at a path, which is made if it is not there. */
export function appendJsonc(text: string, path: readonly string[], value: unknown): string {
  return behindMark(text, (json) => {
    const list = nodeAt(json, path)
    const last = list?.type === "array" ? list.children?.at(-1) : undefined
    if (list === undefined || last === undefined) return editJsonc(json, path, [value])
    const end = last.offset + last.length
    const isOneLine = !json.slice(list.offset, last.offset).includes("\n")
    const indent = indentAt(json, last.offset)
    const before = isOneLine ? ", " : `,${newlineOf(json)}${indent}`
    return splice(json, end, end, before + writtenIn(json, value, indent))
  })
}

/** Takes the value at a place of the list at a path out of it, with its comma and its line. */
export function removeJsonc(text: string, path: readonly string[], at: number): string {
  return behindMark(text, (json) => {
    const items = nodeAt(json, path)?.children ?? []
    const item = items[at]
    return item === undefined ? json : withoutItem(json, items, item, at)
  })
}

function withoutItem(json: string, items: readonly Node[], item: Node, at: number): string {
  const before = items[at - 1]
  const after = items[at + 1]
  // The first one goes with what leads to the next; any other with what leads from the one before.
  if (before === undefined && after !== undefined) {
    return splice(json, item.offset, contentAfter(json, (commaAfter(json, item) ?? 0) + 1), "")
  }
  const end = item.offset + item.length
  if (before === undefined) return splice(json, item.offset, end, "")
  const comma = commaAfter(json, before) ?? before.offset + before.length
  const from = after === undefined ? comma : contentAfter(json, comma + 1)
  return splice(
    json,
    from,
    after === undefined ? end : contentAfter(json, (commaAfter(json, item) ?? end) + 1),
    "",
  )
}

/** The library would take the comments and the line breaks beside a field with it. */
function without(json: string, path: readonly string[]): string {
  const property = nodeAt(json, path)?.parent
  const siblings = property?.parent?.children ?? []
  if (property === undefined || siblings.length < 2) {
    return applyEdits(json, modify(json, [...path], undefined, {}))
  }
  const comma = commaAfter(json, property)
  if (property !== siblings.at(-1) && comma !== undefined) {
    return splice(json, property.offset, contentAfter(json, comma + 1), "")
  }
  // The last one goes with the space before it, and with its own comma or else the one before.
  const before = siblings.at(-2)
  const between = before && commaAfter(json, before)
  const from = json.slice(0, property.offset).trimEnd().length
  const rest = splice(json, from, (comma ?? property.offset + property.length - 1) + 1, "")
  return comma === undefined && between !== undefined
    ? splice(rest, between, between + 1, "")
    : rest
}

/** Where the comma after a field is. */
function commaAfter(json: string, { offset, length }: Node): number | undefined {
  const scanner = createScanner(json, true)
  scanner.setPosition(offset + length)
  scanner.scan()
  const at = scanner.getTokenOffset()
  return json.charAt(at) === "," ? at : undefined
}

/** Where the next thing begins: on this line a field, or on another one a field or a comment. */
function contentAfter(json: string, position: number): number {
  const scanner = createScanner(json, false)
  scanner.setPosition(position)
  for (let isBelow = false; ;) {
    scanner.scan()
    const [from, length] = [scanner.getTokenOffset(), scanner.getTokenLength()]
    const token = json.slice(from, from + length)
    const isSpace = token.trim() === ""
    if (isSpace && length > 0) isBelow ||= token.includes("\n")
    else if (isBelow || !token.startsWith("/")) return from
  }
}

/** The library would format the neighbours of what it puts in, and move their comments. */
function withValue(json: string, path: readonly string[], value: unknown): string {
  const root = nodeAt(json, [])
  if (root === undefined) return `${JSON.stringify(nest(path, value), null, 2)}\n`
  const node = findNodeAtLocation(root, [...path])
  if (node !== undefined) {
    const written = writtenIn(json, value, indentAt(json, node.offset))
    return splice(json, node.offset, node.offset + node.length, written)
  }
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const parent = findNodeAtLocation(root, path.slice(0, depth))
    const [key = "", ...rest] = path.slice(depth)
    if (parent?.type === "object") return withProperty(json, parent, key, nest(rest, value))
  }
  return json
}

function withProperty(json: string, object: Node, key: string, value: unknown): string {
  const { hasComma, end } = endOfContent(json, object)
  const last = object.children?.at(-1)
  const written = `${JSON.stringify(key)}: `
  const isOneLine = !json.slice(object.offset, object.offset + object.length).includes("\n")
  if (last !== undefined && isOneLine) {
    return splice(json, end, end, `${hasComma ? " " : ", "}${written}${JSON.stringify(value)}`)
  }
  const newline = newlineOf(json)
  const outer = indentAt(json, object.offset)
  const indent = last === undefined ? outer + unitOf(json) : indentAt(json, last.offset)
  const comma = hasComma ? "," : ""
  const property = `${newline}${indent}${written}${writtenIn(json, value, indent)}${comma}`
  const closing = isOneLine ? `${newline}${outer}` : ""
  const after = splice(
    json,
    end,
    isOneLine ? object.offset + object.length - 1 : end,
    property + closing,
  )
  if (last === undefined || hasComma) return after
  return splice(after, last.offset + last.length, last.offset + last.length, ",")
}

/** Where the last thing in an object ends, comments too, and whether a comma follows its last field. */
function endOfContent(
  json: string,
  { offset, children }: Node,
): { hasComma: boolean; end: number } {
  const last = children?.at(-1)
  let end = last === undefined ? offset + 1 : last.offset + last.length
  let hasComma = false
  const scanner = createScanner(json, false)
  scanner.setPosition(end)
  for (;;) {
    scanner.scan()
    const [from, length] = [scanner.getTokenOffset(), scanner.getTokenLength()]
    const first = json.charAt(from)
    if (length === 0 || first === "}") return { hasComma, end }
    if (first === ",") hasComma = true
    // A comma or a comment: only space is left out.
    if (first.trim() !== "") end = from + length
  }
}

function writtenIn(json: string, value: unknown, indent: string): string {
  if (json !== "" && !json.trim().includes("\n")) return JSON.stringify(value)
  const lines = JSON.stringify(value, null, unitOf(json)).split("\n")
  return lines.join(`${newlineOf(json)}${indent}`)
}

function indentAt(json: string, offset: number): string {
  const [indent = ""] = /^[ \t]*/.exec(json.slice(json.lastIndexOf("\n", offset - 1) + 1)) ?? []
  return indent
}

function unitOf(json: string): string {
  return /^([ \t]+)"/m.exec(json)?.[1] ?? "  "
}

function newlineOf(json: string): string {
  return json.includes("\r\n") ? "\r\n" : "\n"
}

/** A value at a path, in objects that hold nothing else. */
export function nest<T>(path: readonly string[], value: T): T | Record<string, unknown> {
  return path.reduceRight<T | Record<string, unknown>>((inner, key) => ({ [key]: inner }), value)
}

function splice(text: string, from: number, to: number, inserted: string): string {
  return text.slice(0, from) + inserted + text.slice(to)
}

function nodeAt(json: string, path: readonly string[]): Node | undefined {
  const root = parseTree(json, [], { allowTrailingComma: true })
  return root && findNodeAtLocation(root, [...path])
}

/** An edit of a text, whose byte order mark stays. */
function behindMark(text: string, edit: (json: string) => string): string {
  const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : ""
  return mark + edit(withoutMark(text))
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}
