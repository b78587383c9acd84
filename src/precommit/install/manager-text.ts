import { VaultError } from "../../core/guard.js"
import { MARK, WAS } from "./hook-text.js"

// The guard in the configurations of lefthook and the pre-commit framework, as text in and text out.

/** The guard's id in the pre-commit framework, also in our .pre-commit-hooks.yaml. */
export const HOOK_ID = "agent-vault-guard"

/** Where npm puts programs comes first: the version that the project chose. */
export const RUN = 'PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard'
/**
 * Puts the guard into a lefthook.yml, last, so that it sees what others add to the index.
 * Undefined if it is written in a way not understood.
 */
export function intoLefthook(text: string): string | undefined {
  const lines = text.split("\n")
  const hook = lines.findIndex((line) => keyOf(line) === "pre-commit")
  if (hook === -1) {
    return append(text, [`pre-commit: ${MARK}`, `  jobs: ${MARK}`, ...job("    ")])
  }
  const end = endOfBlock(lines, hook)
  const indent = indentOfFirst(lines, hook, end) ?? "  "
  const keyAt = (name: string): number =>
    lines.findIndex((line, at) => at > hook && at < end && keyOf(line) === `${indent}${name}`)
  const isJobs = keyAt("commands") === -1
  const list = isJobs ? keyAt("jobs") : keyAt("commands")
  if (!open(lines, hook) || (list !== -1 && !open(lines, list))) return undefined
  if (list === -1) {
    return insert(lines, end, [`${indent}jobs: ${MARK}`, ...job(`${indent}  `)])
  }
  const endOfList = endOfBlock(lines, list)
  const inner = indentOfFirst(lines, list, endOfList) ?? `${indent}  `
  return insert(lines, endOfList, isJobs ? job(inner) : command(inner))
}

function job(indent: string): readonly string[] {
  return [`${indent}- name: agent-vault guard ${MARK}`, `${indent}  run: '${RUN}' ${MARK}`]
}

/** Commands run in the order of their names. */
function command(indent: string): readonly string[] {
  return [`${indent}zz-${HOOK_ID}: ${MARK}`, `${indent}  run: '${RUN}' ${MARK}`]
}

/** Puts the guard into a .pre-commit-config.yaml, last. Undefined as of {@link intoLefthook}. */
export function intoFramework(text: string): string | undefined {
  const lines = text.split("\n")
  const repos = lines.findIndex((line) => keyOf(line) === "repos")
  if (repos === -1) return append(text, [`repos: ${MARK}`, ...repo("  ")])
  if (!open(lines, repos)) return undefined
  const end = endOfBlock(lines, repos)
  return insert(lines, end, repo(indentOfFirst(lines, repos, end) ?? "  "))
}

function repo(indent: string): readonly string[] {
  return [
    "- repo: local",
    "  hooks:",
    `    - id: ${HOOK_ID}`,
    "      name: agent-vault guard",
    `      entry: sh -c '${RUN}'`,
    "      language: system",
    "      stages: [pre-commit]",
    "      pass_filenames: false",
    "      always_run: true",
  ].map((line) => `${indent}${line} ${MARK}`)
}

/** Whether a .pre-commit-config.yaml has our hook from elsewhere: from our repository, say. */
export function namesHook(text: string): boolean {
  return hookIds(text).includes(HOOK_ID)
}

/** The ids of all hooks in a .pre-commit-config.yaml. */
export function hookIds(text: string): readonly string[] {
  const ids = text.matchAll(/^\s*(?:-\s+)?id:\s*["']?([\w.-]+)/gm)
  return [...ids].flatMap(([, id]) => id ?? [])
}

/** Has a key's value stand in the lines below it. Returns false if it stands elsewhere already. */
function open(lines: string[], at: number): boolean {
  const line = lines[at] ?? ""
  const [, key, value] =
    /^(\s*["']?[\w-]+["']?:)\s*(\[\s*\]|\{\s*\}|~|null)?\s*(?:#.*)?$/.exec(line) ?? []
  if (key === undefined) return false
  // There is nothing in it: another way to write that takes more.
  if (value !== undefined) lines[at] = `${key} ${WAS}${line}`
  return true
}

/** The key of a line with its indentation. */
function keyOf(line: string): string {
  const [, indent = "", , key = ""] = /^(\s*)(["']?)([\w-]+)\2:/.exec(line) ?? []
  return `${indent}${key}`
}

/** The line after the last one of a key's block. */
function endOfBlock(lines: readonly string[], key: number): number {
  const depth = depthOf(lines[key])
  const next = lines.findIndex((line, at) => {
    if (at <= key || /^\s*(?:#.*)?$/.test(line)) return false
    return depthOf(line) < depth || (depthOf(line) === depth && !/^\s*-(?:\s|$)/.test(line))
  })
  // A comment as deep as the key, or less, belongs to what follows.
  const isOutside = (line = ""): boolean =>
    /^\s*$/.test(line) || (/^\s*#/.test(line) && depthOf(line) <= depth)
  let end = next === -1 ? lines.length : next
  while (isOutside(lines[end - 1])) end -= 1
  return end
}

/** The indentation of the first line with content in a key's block. */
function indentOfFirst(lines: readonly string[], key: number, end: number): string | undefined {
  const first = lines.slice(key + 1, end).find((line) => /^\s*[^\s#]/.test(line))
  return first === undefined ? undefined : /^\s*/.exec(first)?.[0]
}

function depthOf(line = ""): number {
  return line.length - line.trimStart().length
}

function insert(lines: readonly string[], at: number, ours: readonly string[]): string {
  return [...lines.slice(0, at), ...ours, ...lines.slice(at)].join("\n")
}

function append(text: string, ours: readonly string[]): string {
  if (text === "" || text.endsWith("\n")) return `${text}${ours.join("\n")}\n`
  return `${text}\n${ours.join("\n")}`
}

/** With what to add, in one line, which fits lists in brackets too. */
export function notUnderstood(
  file: string,
  manager: "lefthook" | "pre-commit",
  cause?: unknown,
): VaultError {
  const [list, entry] = BY_HAND[manager]
  return new VaultError("USAGE", `${file} is written in a way that is not changed by a program`, {
    hint: `add by hand, then try agent-vault guard status; to ${list}: ${entry}`,
    cause,
  })
}

const BY_HAND = {
  lefthook: ["the jobs of pre-commit", `{ name: agent-vault guard, run: '${RUN}' }`],
  "pre-commit": [
    "repos",
    `{ repo: local, hooks: [{ id: ${HOOK_ID}, name: agent-vault guard, entry: 'sh -c ''${RUN}''', language: system, stages: [pre-commit], pass_filenames: false, always_run: true }] }`,
  ],
} as const
