import type { Assignment } from "../named/assignment.js"
import { isHandMade, isRealHost } from "./checks.js"

/** How far from a password what it belongs to may stand. */
const NEAR = 600
/** What ends a block of settings: an empty line, a section's title, the next document. */
const BREAK = /\n[ \t]*\r?\n|\n[ \t]*\[[^\]\n]{1,60}\][ \t]*\r?\n|\n---/

/** Who logs in, or where to. */
const LOGIN =
  /(?:user(?:[_-]?name|[_ -]?id)?|uid|login|database|db(?:[_-]?name)?|catalog)["'`\]]?\s{0,4}[=:,>]/i
/** What is named as a host, or is the host of a URL. */
const HOST =
  /(?:(?:host|hostname|server|endpoint|addr|address|source|domain|url|uri|machine)["'`\]]?\s{0,4}(?:=>|:=|[=:,>])\s{0,4}["'`]?(?:tcp:)?|:\/\/(?:[^\s/@"']{0,100}@)?)([A-Za-z0-9.-]{4,120})(?![\w.([-])/gi

/** Files in which people show how something is written, and try it. */
const SHOWN =
  /(?:^|\/)(?:tests?|specs?|__tests__|__mocks__|testing|testdata|e2e|fixtures?|mocks?|examples?|samples?|demos?|docs?|documentation|tutorials?)\/|[._-](?:tests?|specs?|mocks?|examples?|samples?)\.|(?:^|\/)(?:test_|conftest|README)|\.(?:md|mdx|rst|adoc)$/i

/**
 * Whether a password of words and digits is one in use: a user or a database, and a host that is no
 * example's, are in the same block of a file that shows nothing.
 */
export function opensHost(text: string, found: Assignment, path = ""): boolean {
  if (!isHandMade(found.value) || SHOWN.test(path)) return false
  const before =
    text
      .slice(Math.max(0, found.start - NEAR), found.start)
      .split(BREAK)
      .at(-1) ?? ""
  const after = text.slice(found.end, found.end + NEAR).split(BREAK, 1)[0] ?? ""
  const block = `${before}${after}`
  if (!LOGIN.test(block)) return false
  return Array.from(block.matchAll(HOST), ([, host = ""]) => host).some(isRealHost)
}
