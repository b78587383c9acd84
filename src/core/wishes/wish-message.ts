import { harmless } from "../words/harmless.js"
import { utc } from "../words/time.js"

const WIDTH = 72

/** The message of a wish's commit: what is asked for, why, and who asked, when. */
export function wishMessage(
  what: string,
  { why, program, now }: { readonly why: string; readonly program?: string | undefined; now: Date },
): string {
  const subject = `agent-vault: ${what}`
  const short = subject.length <= WIDTH ? subject : `${subject.slice(0, WIDTH - 1)}…`
  const through = program === undefined ? "" : ` through ${harmless(program)}`
  const lines = [short, "", ...wrapped(harmless(why)), "", `Asked${through} on ${utc(now)}.`]
  return (short === subject ? lines : [...lines, ...wrapped(what)]).join("\n")
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = `${lines.at(-1) ?? ""} ${word}`
    if (lines.length > 0 && longer.length <= WIDTH) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
