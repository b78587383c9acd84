import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { parse as parseToml } from "smol-toml"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parseDocument } from "yaml"
import { Consumer, root } from "../package/pack.js"
import { type Block, PROGRAMS, blocksOf, fits, saidToPrint } from "./blocks.js"
import { Reader } from "./reader.js"
import { outputsOf, scriptOf } from "./script.js"

const PAGES = [
  "README.md",
  "examples/README.md",
  "sdk-python-bridge/README.md",
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
].filter((page) => page.endsWith(".md") && blocksOf(page).length > 0)

/** What is no program is a file, is what a file holds or a block prints, or is said not to be run. */
const OTHERS = new Set(["ts", "json", "yaml", "toml", "diff", "text", "dockerfile"])

let installed: Consumer
beforeAll(() => {
  installed = new Consumer()
})
afterAll(() => installed.remove())

test.each(PAGES)("%s says what each block is", (page) => {
  expect(blocksOf(page).filter((block) => !isOfKnownKind(block))).toEqual([])
})

test.each(PAGES.filter(hasBlocksToRun))(
  "%s does what it says, from top to bottom",
  async (page) => {
    expect(await mistakesOf(blocksOf(page))).toEqual([])
  },
)

const PARSED_ONLY = PAGES.flatMap((page) => blocksOf(page)).filter(
  ({ mark }) => mark.is === "not run",
)
test.each(PARSED_ONLY)("$page, line $line, is not run: $mark.of", (block) => {
  expect(block.mark.of).toMatch(/\w \w/)
  expect(mistake(block)).toBe("")
})

describe("a page is caught that", () => {
  test.each([
    ["calls what is not there", pageWith("", "sh", "echo first\nagent-vault nothing\necho last")],
    ["names what it has not declared", pageWith("", "js", "await fetch(url)")],
    ["names what it has not defined", pageWith("", "python", "send(token=1)")],
    ["has another exit code", pageWith("<!-- ends with 1 -->", "sh", "true")],
    ["prints something else", pageWith("", "js", "console.log(1) // 2")],
    ["prints something else in Python", pageWith("", "python", "print(1)  # 2")],
    ["shows another file", pageWith("<!-- shows: package.json -->", "json", "{}")],
  ])("%s", async (_, blocks) => {
    expect(await mistakesOf(blocks)).not.toEqual([])
  })

  test.each([
    ["has data without a word of what it is", pageWith("", "json", "{}")],
    ["has a language that nobody runs", pageWith("", "fish", "true")],
    ["has no language", pageWith("", "", "true")],
  ])("%s", (_, blocks) => {
    expect(blocks.filter((block) => !isOfKnownKind(block))).toHaveLength(1)
  })

  test.each([
    pageWith("<!-- not run: of a client -->", "json", "{,}"),
    pageWith("<!-- not run: of a shell -->", "sh", "if"),
    pageWith("<!-- not run: of a program -->", "js", "const = 1"),
  ])("does not parse: $language", (block) => {
    expect(mistake(block)).not.toBe("")
  })
})

function pageWith(mark: string, language: string, code: string): Block[] {
  return blocksOf("a page", `${mark}\n\n\`\`\`${language}\n${code}\n\`\`\`\n`)
}

function isOfKnownKind({ language, mark }: Block): boolean {
  return PROGRAMS.has(language) || (OTHERS.has(language) && mark.is !== "none")
}

function hasBlocksToRun(page: string): boolean {
  return blocksOf(page).some(({ mark }) => mark.is !== "not run")
}

/** Does what a page's blocks say, as its reader, and compares what comes of it. */
async function mistakesOf(blocks: readonly Block[]): Promise<object[]> {
  const reader = Reader.onNewMachine(installed)
  try {
    const { printed, code } = await reader.run(scriptOf(blocks))
    const outputs = outputsOf(printed)
    const [line, said] = [...outputs].at(-1) ?? []
    return code === 0 ? wrongOutputs(blocks, outputs) : [{ line, code, said }]
  } finally {
    reader.remove()
  }
}

/** The blocks that print, or whose file holds, something else than the page says. */
function wrongOutputs(blocks: readonly Block[], outputs: ReadonlyMap<number, string>): object[] {
  let before = ""
  return blocks.flatMap((block) => {
    const { line, mark } = block
    if (mark.is === "not run" || mark.is === "file") return []
    const actual = mark.is === "prints" ? before : (outputs.get(line) ?? "")
    before = actual
    const shown = mark.is === "prints" || mark.is === "shows" ? block.code : saidToPrint(block)
    return shown === undefined || isAsShown(block.language, shown, actual)
      ? []
      : [{ line, shown, actual }]
  })
}

/** Data is the same however it is spaced. */
function isAsShown(language: string, shown: string, actual: string): boolean {
  const parse = { json: JSON.parse, toml: parseToml }[language]
  return parse ? isDeepStrictEqual(parse(shown), parse(actual)) : fits(shown, actual)
}

/** What is wrong with the syntax of a block that is not run; empty if nothing is. */
function mistake({ language, code }: Block): string {
  const said = (command: string, ...args: string[]): string =>
    spawnSync(command, args, { input: code, encoding: "utf8" }).stderr
  switch (language) {
    case "sh":
      return said("bash", "-n")
    case "js":
      return said(process.execPath, "--check", "--input-type=module", "-")
    case "python":
      return said("python3", "-c", "import sys; compile(sys.stdin.read(), 'block', 'exec')")
    case "json":
      return thrown(() => JSON.parse(code))
    case "yaml":
      return parseDocument(code, { strict: true }).errors.join("\n")
    case "toml":
      return thrown(() => parseToml(code))
    default:
      return ""
  }
}

function thrown(parse: () => unknown): string {
  try {
    parse()
    return ""
  } catch (error) {
    return String(error)
  }
}
