import type { Assignment } from "./assignment.js"

/** Where cloud-init is told the passwords of a machine. */
const CHPASSWD = /chpasswd["']?[ \t]{0,4}:/y
/** So much of it is looked at. */
const LONGEST = 8000
const LIST = /(?<![\w-])list["']?[ \t]{0,4}:/
/** One login of a list: on a line, in quotes, or between line ends that are escaped. */
const LOGIN =
  /(?:^|\n|\\n|["'[,:|>])[ \t]{0,80}(?:- {1,8})?["']?([A-Za-z_][\w.-]{0,31}):(?=\S)((?:(?!\\n|["'][ \t]{0,8}(?:[,\]}\r\n]|$))[^\r\n]){1,128})/dg
/** What is made at random by the machine, and digests, which open nothing. */
const NONE = /^(?:R|RANDOM|\$[\w-]{1,12}\$.*)$/

/** The passwords in a list of cloud-init's `chpasswd`, of lines `user:password`. */
export function* loginsOf(text: string, names: readonly number[]): Generator<Assignment> {
  let done = 0
  for (const at of names) {
    CHPASSWD.lastIndex = at - 2
    if (at < Math.max(2, done) || !CHPASSWD.test(text)) continue
    const block = blockFrom(text, at)
    done = at + block.length
    const list = LIST.exec(block)
    if (!list) continue
    const from = list.index + list[0].length
    for (const { indices, 1: user = "", 2: password = "" } of block.slice(from).matchAll(LOGIN)) {
      const value = password.trimEnd()
      const start = at + from + (indices?.[2]?.[0] ?? 0)
      if (NONE.test(value) || value.toLowerCase() === user.toLowerCase()) continue
      yield { words: ["password"], start, end: start + value.length, value, quoted: true, by: ":" }
    }
  }
}

/** What belongs to a name of YAML or JSON: up to a line that is no further in. */
function blockFrom(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - 200), at)
  const indent = /^[ \t]*/.exec(before.slice(before.lastIndexOf("\n") + 1))?.[0].length ?? 0
  const block = text.slice(at, at + LONGEST)
  const end = new RegExp(String.raw`\n(?![ \t]{${indent + 1}}|[ \t]*\r?(?:\n|$))`).exec(block)
  return end ? block.slice(0, end.index) : block
}
