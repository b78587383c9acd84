import { harmless } from "../core/index.js"

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** HTML whose every foreign text was escaped as it was made. */
export class Html {
  readonly text: string

  /** For {@link markup} alone: nothing else knows that a text is safe. */
  constructor(text: string) {
    this.text = text
  }
}

/** What may be put into HTML. Nothing comes of undefined. */
type HtmlPart = string | number | Html | undefined | readonly HtmlPart[]

/**
 * Makes HTML of a template of ours. What is put into it is text, whoever wrote it, unless it was made
 * this way itself; an attribute that it is put into stands in quotes.
 */
export function markup(template: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  const [first = "", ...rest] = template
  return new Html(first + rest.map((text, at) => `${written(parts[at])}${text}`).join(""))
}

function written(part: HtmlPart): string {
  if (part === undefined) return ""
  if (part instanceof Html) return part.text
  if (typeof part === "number") return String(part)
  // What only looks like HTML is nothing.
  if (typeof part !== "string") return Array.isArray(part) ? part.map(written).join("") : ""
  return harmless(part).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
}
