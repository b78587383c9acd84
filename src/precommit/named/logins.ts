import type { Assignment } from "./assignment.js"

/** Where logins stand. */
type Logins = Pick<Assignment, "start" | "end">

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

/** A command that a shell gives logins to, in the lines that follow or as one text. */
const COMMAND = /(?<![\w.-])chpasswd(?![\w.-])/y
const HERE = /(?<!<)<<-?[ \t]{0,4}(["']?)([A-Za-z_]\w{0,31})\1/
const HERE_TEXT = /<<<[ \t]{0,4}(?=["'])/
/** What it is given are digests. */
const ENCRYPTED = /chpasswd[ \t]{1,4}(?:-e|--encrypted)(?![\w-])/

/**
 * The passwords in lists of lines `user:password` of cloud-init's `chpasswd`, and those that a shell
 * gives to the command of that name.
 */
export function* loginsOf(text: string, names: readonly number[]): Generator<Assignment> {
  let done = 0
  for (const at of names) {
    if (at < Math.max(2, done)) continue
    const list = listFrom(text, at) ?? givenTo(text, at)
    if (list === undefined) continue
    done = list.end
    const logins = text.slice(list.start, list.end).matchAll(LOGIN)
    for (const { indices, 1: user = "", 2: password = "" } of logins) {
      const value = password.trimEnd()
      const start = list.start + (indices?.[2]?.[0] ?? 0)
      if (NONE.test(value) || value.toLowerCase() === user.toLowerCase()) continue
      yield { words: ["password"], start, end: start + value.length, value, quoted: true, by: ":" }
    }
  }
}

/** The list of cloud-init's, or nothing behind the name. */
function listFrom(text: string, at: number): Logins | undefined {
  CHPASSWD.lastIndex = at - 2
  if (!CHPASSWD.test(text)) return undefined
  const block = blockFrom(text, at)
  const end = at + block.length
  const list = LIST.exec(block)
  return { start: list ? at + list.index + list[0].length : end, end }
}

/** What a shell gives to the command on a line. */
function givenTo(text: string, at: number): Logins | undefined {
  COMMAND.lastIndex = at - 2
  if (!COMMAND.test(text)) return undefined
  const before = text.slice(Math.max(0, at - 200), at)
  const begin = at - before.length + before.lastIndexOf("\n") + 1
  const [line = ""] = /^[^\n]{0,400}/.exec(text.slice(begin, begin + 400)) ?? []
  if (ENCRYPTED.test(line)) return undefined
  const whole = HERE_TEXT.exec(line)
  if (whole) return { start: begin + whole.index + whole[0].length, end: begin + line.length }
  const here = HERE.exec(line)
  if (!here) return undefined
  const start = begin + line.length
  const body = text.slice(start, start + LONGEST)
  const last = new RegExp(String.raw`\n[ \t]{0,80}${here[2]}[ \t]{0,8}(?:\r?\n|$)`).exec(body)
  return { start, end: start + (last ? last.index : body.length) }
}

/** What belongs to a name of YAML or JSON: up to a line that is no further in. */
function blockFrom(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - 200), at)
  const indent = /^[ \t]*/.exec(before.slice(before.lastIndexOf("\n") + 1))?.[0].length ?? 0
  const block = text.slice(at, at + LONGEST)
  const end = new RegExp(String.raw`\n(?![ \t]{${indent + 1}}|[ \t]*\r?(?:\n|$))`).exec(block)
  return end ? block.slice(0, end.index) : block
}
