import { mkdirSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { fingerprintOf } from "../../src/precommit/allow/fingerprint.js"
import type { Repo } from "./repo.js"
import { Generator, expand } from "./detect/template.js"

/** A file that is more than lines of UTF-8. */
interface Special {
  readonly as:
    "link" | "binary" | "utf16" | "bom" | "crlf" | "executable" | "submodule" | "gone" | "large"
  readonly lines?: readonly string[]
}

/** Lines, or a text as it is, without a line end behind it. */
type Content = readonly string[] | string | Special
type Files = Readonly<Record<string, Content>>

/** What `case.json` says. Texts are templates: template.ts tells how to write one. */
export interface Case {
  /** Texts that stand in more than one place, as `<name>`. */
  readonly values?: Readonly<Record<string, string>>
  /** Committed before. */
  readonly before?: Files
  /** Committed on another branch, whose merge is not committed yet. */
  readonly merged?: Files
  readonly staged: Files
}

/** Fills lines of this many bytes before those of a file that is `large`. */
const LARGE = 6 * 1024 * 1024

/** Brings a repository to where a case commits. */
export async function prepare(repo: Repo, spec: Case, seed: number): Promise<void> {
  const fill = await filler(spec, new Generator(seed))
  if (spec.before !== undefined) {
    stage(repo, spec.before, fill)
    repo.commit()
  }
  if (spec.merged !== undefined) {
    repo.git("checkout", "--quiet", "-b", "side")
    stage(repo, spec.merged, fill)
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
  }
  stage(repo, spec.staged, fill)
}

function stage(repo: Repo, files: Files, fill: (text: string) => string): void {
  for (const [path, content] of Object.entries(files)) {
    const { as, lines = [] } = specialOf(content)
    rmSync(join(repo.top, path), { force: true })
    if (as === "submodule") {
      repo.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},${path}`)
    } else if (as === "link") {
      mkdirSync(dirname(join(repo.top, path)), { recursive: true })
      symlinkSync(fill(lines.join("")), join(repo.top, path))
    } else if (as !== "gone") {
      repo.write(path, typeof content === "string" ? fill(content) : bytesOf(as, lines.map(fill)))
    }
  }
  const paths = Object.entries(files).filter(([, content]) => specialOf(content).as !== "submodule")
  if (paths.length > 0) {
    repo.git("--literal-pathspecs", "add", "--force", "--", ...paths.map(([path]) => path))
  }
  for (const [path, content] of paths) {
    if (specialOf(content).as !== "executable") continue
    repo.git("update-index", "--chmod=+x", "--", path)
  }
}

function specialOf(content: Content): Partial<Special> {
  if (typeof content === "string") return {}
  return "as" in content ? content : { lines: content }
}

function bytesOf(as: Special["as"] | undefined, lines: readonly string[]): Buffer {
  const text = lines.map((line) => `${line}\n`).join("")
  if (as === "binary") return Buffer.concat([Buffer.alloc(8), Buffer.from(text)])
  if (as === "utf16") return Buffer.from(`\ufeff${text}`, "utf16le")
  if (as === "bom") return Buffer.from(`\ufeff${text}`)
  if (as === "crlf") return Buffer.from(text.replaceAll("\n", "\r\n"))
  if (as === "large") return Buffer.from(`${"a line of text\n".repeat(LARGE / 15)}${text}`)
  return Buffer.from(text)
}

/** Fills `<name>` with a value of the case, `<fingerprint RULE name>` with what is made of it. */
async function filler(spec: Case, generator: Generator): Promise<(text: string) => string> {
  const values = new Map(
    Object.entries(spec.values ?? {}).map(([name, text]) => [name, expand(text, generator)]),
  )
  const wanted = JSON.stringify(spec).matchAll(/<(fingerprint ([\w-]+) (\w+))>/g)
  for (const [, whole = "", rule = "", name = ""] of wanted) {
    values.set(whole, await fingerprintOf(rule, values.get(name) ?? ""))
  }
  return (text) => {
    const filled = expand(text, generator).replace(
      /<([^<>]+)>/g,
      (whole, name: string) => values.get(name) ?? whole,
    )
    // What is indented is indented as a whole: a key in a block of YAML.
    const [indent = ""] = /^ */.exec(text) ?? []
    return filled.replaceAll("\n", `\n${indent}`)
  }
}
