import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../package/pack.js"

/**
 * A fenced block of a page, and what the comment above it says:
 *
 * - `<!-- not run: WHY -->`: it is only parsed.
 * - `<!-- file: PATH -->`: what stands in this file from here on.
 * - `<!-- shows: PATH -->`: what this file holds by then.
 * - `<!-- prints -->`: what the block before it prints, on both streams.
 * - `<!-- ends with N -->`: the exit code of its last command; else every command ends with 0.
 * - `<!-- meanwhile: COMMAND -->`: what somebody else does while the block runs.
 *
 * In what is shown or printed, `…` stands for anything.
 */
export interface Block {
  readonly page: string
  /** Of the fence, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  readonly mark: Mark
}

interface Mark {
  readonly is: "none" | "not run" | "file" | "shows" | "prints" | "ends with" | "meanwhile"
  /** What follows the word; empty where nothing does. */
  readonly of: string
}

/** Around what docs/cli.md has from the table of commands. */
const [COMMANDS, END] = ["<!-- commands: npm run docs -->", "<!-- /commands -->"]
const made: Mark = {
  is: "not run",
  of: "commands.test.ts runs each example by itself",
}

/** The languages of blocks that a reader runs. */
export const PROGRAMS: ReadonlySet<string> = new Set(["sh", "js", "cjs", "python"])

const FENCE = /^```(.*)$/
const MARK = /^<!-- (not run|file|shows|prints|ends with|meanwhile):? ?(.*) -->$/

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string, text = readFileSync(join(root, page), "utf8")): Block[] {
  const lines = text.split("\n")
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const [, language] = FENCE.exec(lines[at] ?? "") ?? []
    if (language === undefined) continue
    const end = lines.indexOf("```", at + 1)
    if (end === -1) throw new Error(`${page}:${at + 1} opens a block that does not end`)
    const code = lines.slice(at + 1, end).join("\n")
    const mark =
      lines.lastIndexOf(COMMANDS, at) > lines.lastIndexOf(END, at) ? made : markAbove(lines, at)
    blocks.push({ page, line: at + 1, language, code, mark })
    at = end
  }
  return blocks
}

function markAbove(lines: readonly string[], fence: number): Mark {
  const above = lines[fence - 1] === "" ? lines[fence - 2] : lines[fence - 1]
  const [, is, of = ""] = MARK.exec(above ?? "") ?? []
  return is === undefined ? { is: "none", of: "" } : { is: is as Mark["is"], of }
}

/** Whether a text is what a page shows of it: `…` stands for anything, white space at the ends for none. */
export function fits(shown: string, actual: string): boolean {
  const escaped = shown
    .trim()
    .split("…")
    .map((part) => part.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&"))
  return new RegExp(`^${escaped.join("[^]*")}$`).test(actual.trim())
}

/**
 * What a block's own comments say that it prints: each line that prints ends in a comment with just
 * that, or prints anything. Undefined if no comment says anything.
 */
export function saidToPrint({ language, code }: Block): string | undefined {
  const prints = language === "python" ? /^\s*print\(/ : /^\s*console\.(?:log|error)\(/
  const comment = language === "python" ? /\) +# (.*)$/ : /\) \/\/ (.*)$/
  const lines = code.split("\n").filter((line) => prints.test(line))
  if (!lines.some((line) => comment.test(line))) return undefined
  return lines.map((line) => comment.exec(line)?.[1] ?? "…").join("\n")
}
