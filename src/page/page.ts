import { createHash } from "node:crypto"
import { Html, markup } from "./html.js"

/** A whole page, which loads nothing, and what a browser may let it do. */
export interface Page {
  readonly document: string
  /** For the header Content-Security-Policy. */
  readonly policy: string
}

/** What a page is made of. Style and script are texts of ours, in which nothing foreign stands. */
interface PageContent {
  readonly title: string
  readonly style: string
  readonly script?: string | undefined
  readonly body: Html
  /** Whether it stands in a file, so that it must say itself what it may do. */
  readonly isFile?: boolean
}

/** Makes a page. Its style and its script run because they are the very texts that the policy names. */
export function pageOf({ title, style, script = "", body, isFile = false }: PageContent): Page {
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(style)}'`,
    ...(script === "" ? [] : [`script-src '${hashOf(script)}'`]),
    ...(isFile ? [] : ["connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'"]),
    "base-uri 'none'",
  ].join("; ")
  const said = isFile
    ? markup`<meta http-equiv="Content-Security-Policy" content="${policy}" />`
    : undefined
  const { text } = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        ${said}
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="same-origin" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <style>${new Html(style)}</style>
      </head>
      <body>
        ${body}
        ${script === "" ? undefined : markup`<script>${new Html(script)}</script>`}
      </body>
    </html>
`
  return { document: text, policy }
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`
}
