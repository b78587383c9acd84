import { resolve } from "node:path"
import type { Machine, Ran } from "./machine.js"

/**
 * Does a line of shell as bash would. What calls agent-vault with words that need no shell runs in
 * this process, at a third of the cost; what stands before, between or after goes to a real bash, and
 * so does a whole line of more than commands one after the other.
 */
export async function doLine(machine: Machine, line: string): Promise<Ran> {
  const parts = partsOf(line)
  if (!parts.some(({ text }) => callOf(text, machine.home) !== undefined)) {
    return machine.shell(line)
  }
  let [cwd, code, stdout, stderr] = [machine.repo, 0, "", ""]
  for (const { text, needsSuccess } of parts) {
    if (needsSuccess && code !== 0) continue
    const folder = folderOf(text, machine.home)
    if (folder !== undefined) [cwd, code] = [resolve(cwd, folder), 0]
    else if (text === "echo $?") [stdout, code] = [`${stdout}${code}\n`, 0]
    else {
      const ran = await doPart(machine, text, cwd)
      stdout += ran.stdout
      stderr += ran.stderr
      code = ran.code
    }
  }
  return { stdout, stderr, code }
}

/** A command of a line, and whether it waits for the one before to succeed. */
interface Part {
  readonly text: string
  readonly needsSuccess: boolean
}

const QUOTED = /'[^']*'|"(?:[^"\\]|\\.)*"|\\./g
/** What is more than commands one after the other, or does something to those that follow. */
const COMPOUND =
  /\$\(|[`(){}]|\|\||<<|[^&]&\s|\$\?|(?:^|; |&& )(?:(?:for|while|if|export|exec|set|trap) |\w+=\S*(?:;|$))/

function partsOf(line: string): Part[] {
  const bare = line.replaceAll("echo $?", "echo").replaceAll(/'[^']*'/g, "")
  if (COMPOUND.test(bare)) return []
  // Letters in place of what is quoted, so that nothing in it ends a command.
  const masked = line.replaceAll(QUOTED, (quoted) => "q".repeat(quoted.length))
  const parts: Part[] = []
  let start = 0
  for (const end of [...masked.matchAll(/ ?(?:&&|;) /g), { index: line.length, 0: "" }]) {
    const before = line.slice(0, start).trimEnd()
    parts.push({ text: line.slice(start, end.index), needsSuccess: before.endsWith("&&") })
    start = end.index + end[0].length
  }
  return parts
}

async function doPart(machine: Machine, text: string, cwd: string): Promise<Ran> {
  const call = callOf(text, machine.home)
  if (call === undefined) return machine.shell(text, { cwd })
  const { words, stdin, env, out, err, reader } = call
  const isMerged = out === "stdout" && err === "stdout"
  const ran = await machine.call(words, stdin, { env, cwd, isMerged })
  const stdout = (out === "stdout" ? ran.stdout : "") + (err === "stdout" ? ran.stderr : "")
  const stderr = err === "stderr" ? ran.stderr : ""
  if (reader === undefined) return { stdout, stderr, code: ran.code }
  const after = await machine.shell(reader, { cwd, stdin: stdout })
  return { ...after, stderr: stderr + after.stderr }
}

/** A call of agent-vault: what it is given, and where what it prints goes. */
interface Call {
  readonly words: readonly string[]
  readonly stdin: string
  readonly env: NodeJS.ProcessEnv
  readonly out: Target
  readonly err: Target
  /** What reads its stdout, for a shell. */
  readonly reader?: string
}

type Target = "stdout" | "stderr" | "nowhere"

/** A word in which a shell finds nothing to do but to take quotes away, and a home's `~`. */
const WORD = String.raw`(?:[\w@%+=:,./~^-]|\$HOME\b|'[^']*'|"(?:\$HOME\b|[^"\\$${"`"}])*")+`
const WORDS = new RegExp(WORD, "g")
/** What compares bytes gets them from the built command: here, output is text. */
const CALL = new RegExp(
  String.raw`^(?:(echo|printf)((?: ${WORD})+) \| )?((?:[A-Z_]+=(?:${WORD})? )*)` +
    String.raw`agent-vault((?: ${WORD})+)((?: 2?> ?/dev/null| 2>&1)*)(?: \| (?!cmp )(.+))?$`,
)
/** What hands its own streams on, or looks at the program that it is. */
const REAL = new Set(["run", "git", "guard", "mcp", "bridge", "proxy", "ui", "doctor"])

/** Undefined for what only a shell can do, and for what is to be the built command. */
function callOf(text: string, home: string): Call | undefined {
  const [, printer, printed = "", assigned = "", given = "", redirected = "", reader] =
    CALL.exec(text) ?? []
  const words = wordsOf(given, home)
  const stdin = printer === undefined ? "" : inputOf(printer, wordsOf(printed, home))
  if (words[0] === undefined || REAL.has(words[0]) || stdin === undefined) return undefined
  const env = Object.fromEntries(
    wordsOf(assigned, home).map((word) => {
      const [name = "", ...rest] = word.split("=")
      return [name, rest.join("=").replace(/^~(?=\/|$)/, home)]
    }),
  )
  return {
    words,
    stdin,
    env,
    ...targetsOf(redirected),
    ...(reader === undefined ? {} : { reader }),
  }
}

function wordsOf(text: string, home: string): string[] {
  return [...text.matchAll(WORDS)].map(([word]) =>
    word
      .replace(/^~(?=\/|$)/, home)
      .replaceAll(/'([^']*)'|"([^"]*)"|\$HOME/g, (each, single?: string, double?: string) => {
        if (single !== undefined) return single
        return (double ?? each).replaceAll("$HOME", home)
      }),
  )
}

/** What `echo` or `printf` prints; undefined where that is more than its words. */
function inputOf(printer: string, [first = "", ...rest]: readonly string[]): string | undefined {
  if (first.startsWith("-")) return undefined
  if (printer === "echo") return `${[first, ...rest].join(" ")}\n`
  if (first === "%s") return rest.length === 1 ? rest[0] : undefined
  return rest.length > 0 || /[%\\]/.test(first) ? undefined : first
}

function targetsOf(redirected: string): { out: Target; err: Target } {
  let [out, err]: Target[] = ["stdout", "stderr"]
  for (const [, two, what] of redirected.matchAll(/ (2?)> ?(\/dev\/null|&1)/g)) {
    if (two === "") out = "nowhere"
    else err = what === "&1" ? (out ?? "stdout") : "nowhere"
  }
  return { out: out ?? "stdout", err: err ?? "stderr" }
}

/** The folder that a part changes to, for those after it. */
function folderOf(text: string, home: string): string | undefined {
  const [, word] = new RegExp(`^cd (${WORD})$`).exec(text) ?? []
  return word === undefined ? undefined : wordsOf(word, home)[0]
}
