import { type Block, PROGRAMS } from "./blocks.js"

/** Blocks of these, in a row, are one program. */
const JOINED = new Set(["js", "python"])
/** Begins the line that says which block's output follows. */
const MARKER = "\u001e"

/** A program of a page: its blocks of one language that follow each other share their names. */
interface Program {
  readonly language: string
  readonly blocks: Block[]
}

/** One script of bash that does what the page does, in its order: each block as its reader would. */
export function scriptOf(blocks: readonly Block[]): string {
  const steps = stepsOf(blocks.filter(isStep))
  return ["set -eEu", "exec 2>&1", ...steps.map(shellOf)].join("\n")
}

function isStep({ language, mark }: Block): boolean {
  if (mark.is === "none") return PROGRAMS.has(language)
  return mark.is !== "not run" && mark.is !== "prints"
}

/** The output of each block, by its line, and of a last one that did not end. */
export function outputsOf(printed: string): Map<number, string> {
  const parts = printed.split(new RegExp(`${MARKER}(\\d+)\\n`))
  const outputs = new Map<number, string>()
  for (let at = 1; at < parts.length; at += 2) outputs.set(Number(parts[at]), parts[at + 1] ?? "")
  return outputs
}

function stepsOf(blocks: readonly Block[]): (Block | Program)[] {
  const steps: (Block | Program)[] = []
  for (const block of blocks) {
    const last = steps.at(-1)
    if (!JOINED.has(block.language) || block.mark.is === "file") steps.push(block)
    else if (last && "blocks" in last && last.language === block.language) last.blocks.push(block)
    else steps.push({ language: block.language, blocks: [block] })
  }
  return steps
}

function shellOf(step: Block | Program): string {
  if ("blocks" in step) return shellOfProgram(step)
  const { line, language, code, mark } = step
  const begin = `printf '${MARKER}%s\\n' ${line}`
  if (mark.is === "file") return `${begin}\n${written(mark.of, code)}`
  if (mark.is === "shows") return `${begin}\ncat ${mark.of}`
  if (language === "cjs") return `${begin}\n${written("page.cjs", code)}\nnode page.cjs`
  if (mark.is !== "ends with") return `${begin}\n${code}`
  return `${begin}\nset +e\n${code}\ncode=$?\nset -e\n[ "$code" = ${mark.of} ] || { echo "ended with $code"; exit 1; }`
}

function shellOfProgram({ language, blocks }: Program): string {
  return language === "python"
    ? `${written("page.py", pythonOf(blocks))}\npython3 page.py`
    : `${written("page.mjs", moduleOf(blocks))}\nnode page.mjs`
}

/** Blocks inside each other: what one declares is known to the next, which may declare it again. */
function moduleOf(blocks: readonly Block[]): string {
  const isImport = /^import \{ (.*) \} from (".*")$/gm
  const imports = new Map<string, Set<string>>()
  const nested = blocks.map(({ line, code, mark }) => {
    for (const [, names = "", from = ""] of code.matchAll(isImport)) {
      imports.set(from, new Set([...(imports.get(from) ?? []), ...names.split(", ")]))
    }
    const meanwhile = mark.is === "meanwhile" ? `$meanwhile(${JSON.stringify(mark.of)});` : ""
    const begin = `process.stdout.write("${MARKER}${line}\\n"); ${meanwhile}`
    return `{ ${begin}\n${code.replaceAll(isImport, "")}`
  })
  return [
    'import { spawn as $spawn } from "node:child_process"',
    'const $meanwhile = (line) => $spawn("sh", ["-c", line], { stdio: "ignore" })',
    ...[...imports].map(([from, names]) => `import { ${[...names].join(", ")} } from ${from}`),
    ...nested,
    "}".repeat(blocks.length),
  ].join("\n")
}

function pythonOf(blocks: readonly Block[]): string {
  const listed = blocks.map(({ line, code }) => [line, code])
  return [
    "import json",
    `blocks, names = json.loads(${JSON.stringify(JSON.stringify(listed))}), {}`,
    "for line, code in blocks:",
    `    print("${MARKER}%d" % line, flush=True)`,
    '    exec(compile(code, "line %d" % line, "exec"), names)',
  ].join("\n")
}

function written(path: string, content: string): string {
  return `mkdir -p "$(dirname ${path})"\ncat >${path} <<'END-OF-BLOCK'\n${content}\nEND-OF-BLOCK`
}
