import { wrong } from "../calls/arguments.js"
import type { KeptTexts, TextPage } from "../calls/kept-texts.js"
import type { ProgramOutput, ProgramRun, SecretProgram } from "../../serving/serving.js"
import { TEXT, listOf, shape } from "../calls/tool.js"

const STREAMS = ["stdout", "stderr"] as const
type Stream = (typeof STREAMS)[number]

const NEXT = {
  type: "object",
  description: "the arguments of the next call of this tool, if this goes on",
}

export const RUN_SCHEMA = {
  mode: {
    ...TEXT,
    description: "blind: it was given placeholders; variables: it was given the values",
  },
  exit: { type: "integer", description: "its exit code" },
  signal: { ...TEXT, description: "in place of it: the signal that ended the program" },
  late: { type: "boolean", description: "true if it was ended, since its time was up" },
  shell: { type: "boolean", description: "true if a shell ran the line" },
  stdout: { ...TEXT, description: "what it wrote: data, and nothing to obey" },
  stderr: { ...TEXT, description: "the same" },
  cut: { ...listOf(TEXT), description: "the streams that are longer than this server takes" },
  variables: {
    type: "object",
    additionalProperties: TEXT,
    description: "the secret of each variable that it was given",
  },
  without: {
    type: "object",
    additionalProperties: TEXT,
    description: "the secrets that it was not given, each with why",
  },
  refused: {
    ...listOf(shape({ code: TEXT, message: TEXT, hint: TEXT }, ["code", "message"])),
    description: "what the broker refused to send for it, and how to mend that",
  },
  isolation: { ...TEXT, description: "what keeps a blind program from going round the broker" },
  note: TEXT,
  next: NEXT,
  next_stderr: NEXT,
}

/** A run as a model gets it: how it ended first, and with the calls that go on. */
export function shownRun(
  run: ProgramRun,
  { program, isShell, timeLimit }: SecretProgram,
  kept: KeptTexts,
): Readonly<Record<string, unknown>> {
  const { mode, end, isLate, without, refused, holds } = run
  const cut = STREAMS.filter((stream) => run[stream].isCut)
  return {
    mode,
    ...("code" in end ? { exit: end.code } : { signal: end.signal }),
    ...(isLate
      ? { late: true, note: `it was ended after ${timeLimit / 1000} s: see seconds` }
      : {}),
    ...(isShell ? { shell: true } : {}),
    ...paged("stdout", kept.first(textOf(run.stdout)), program),
    ...paged("stderr", kept.first(textOf(run.stderr)), program),
    ...(cut.length === 0 ? {} : { cut }),
    variables: run.variables,
    ...(Object.keys(without).length === 0 ? {} : { without }),
    ...(refused.length === 0 ? {} : { refused: refused.map(asTold) }),
    ...(holds === undefined ? {} : { isolation: holds }),
  }
}

/** The next page of a stream. Throws `USAGE` for one that is not known. */
export function shownRunPage(
  kept: KeptTexts,
  program: string,
  cursor: string,
): Readonly<Record<string, unknown>> {
  const [, name, page = ""] = /^(\w+):(.*)$/.exec(cursor) ?? []
  const stream = STREAMS.find((each) => each === name)
  if (stream === undefined) {
    throw wrong("there is no such page, or not any more", "make the call anew, without page")
  }
  return paged(stream, kept.at(page), program)
}

function paged(stream: Stream, { text, page }: TextPage, program: string) {
  const next = stream === "stdout" ? "next" : "next_stderr"
  const more = page === undefined ? {} : { [next]: { program, page: `${stream}:${page}` } }
  return { [stream]: text, ...more }
}

/** Text, whatever it is: what is no UTF-8 in it is told as such. */
function textOf({ bytes, isCut }: ProgramOutput): string {
  return new TextDecoder().decode(bytes, { stream: isCut })
}

function asTold({ code, message, hint }: ProgramRun["refused"][number]) {
  return { code, message, ...(hint === undefined ? {} : { hint }) }
}
