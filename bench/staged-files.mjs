// Repositories with staged files, for what looks at them before a commit.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

const SOURCES = [
  "README.md",
  "package.json",
  "docs/architecture.md",
  "src/cli/terminal/line.ts",
  "src/core/commit/transaction.ts",
  "src/precommit/detect/detect.ts",
  "scripts/ensure.mjs",
  "examples/README.md",
  "tsconfig.json",
  ".oxlintrc.json",
]

/** @typedef {{ repo: string, env: Record<string, string | undefined> }} Site */

/** A repository with one commit, of somebody without a configuration. */
export function newSite() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "agent-vault-bench-")))
  const repo = join(folder, "repo")
  const { PATH } = process.env
  const env = { PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: "1" }
  execFileSync("git", ["init", "--quiet", "--initial-branch", "main", repo], { env })
  return { repo, env }
}

/**
 * Stages pieces of this project: text as people write it, in the formats that are in most commits.
 *
 * @param {Site} site
 * @param {number} count
 * @param {number} size of each, in bytes
 */
export function stage({ repo, env }, count, size) {
  for (let index = 0; index < count; index += 1) {
    const source = SOURCES[index % SOURCES.length] ?? ""
    const text = readFileSync(new URL(`../${source}`, import.meta.url), "latin1")
    const file = join(repo, `src/${index % 10}/${index}-${basename(source)}`)
    mkdirSync(dirname(file), { recursive: true })
    const from = (Math.floor(index / SOURCES.length) * 997) % Math.max(1, text.length - size)
    writeFileSync(file, `${index}\n${text.repeat(1 + size / text.length).slice(from, from + size)}`)
  }
  execFileSync("git", ["add", "src"], { cwd: repo, env })
}

/** @param {Site} site */
export function remove({ repo }) {
  rmSync(dirname(repo), { recursive: true, force: true, maxRetries: 3 })
}
