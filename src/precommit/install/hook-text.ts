import { createHash } from "node:crypto"
import { basename } from "node:path"
import { VaultError } from "../../core/guard.js"

// What the guard writes into the files of hooks and their managers, as text in and text out. Each
// line that is ours ends in MARK: it is found again, and removed without touching any other.

/** Ends each line of ours; what follows it on the first one says what else is ours. */
const MARK = "# agent-vault guard install"
const OURS_AS_A_WHOLE = `${MARK}: and this file`
const NEW_FOLDERS = `${MARK}: new folders: `
/** Ends a line that stands in the place of one of the user's. */
const WAS = `${MARK}: was: `
/** Begins the line of a hook of ours by which it is known whether anybody has changed it. */
const DIGEST = "# sha256 of the other lines: "

/** The guard's id in the pre-commit framework, also in our .pre-commit-hooks.yaml. */
export const HOOK_ID = "agent-vault-guard"

/** Set to `only` by the dry run: hooks of others have nothing to prove. */
export const CHAIN_VARIABLE = "AGENT_VAULT_GUARD"
const REST = "rest-of-agent-vault"

/** The hooks that the guard stands in. */
export type HookName = "pre-commit" | "pre-push"

/** The hook that a file is, also one that a manager has set aside. */
export function hookNameOf(file: string): HookName {
  return basename(file).startsWith("pre-push") ? "pre-push" : "pre-commit"
}

/** What Git says on stdin of a push is for whoever runs first, too. */
const TAKE = "lines=$(cat)"
const TELL = `told() { [ -z "$lines" ] || printf '%s\\n' "$lines"; }`
const KINDS = {
  "pre-commit": { words: "guard", before: "", what: "commit" },
  "pre-push": { words: 'guard --pre-push "$1"', before: "told | ", what: "push" },
} as const

/** Where npm puts programs comes first: the version that the project chose. */
export const RUN = 'PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard'
/** In a script; 127 is what shells, and `env` without a node, end with. */
function guardOrWhy(name: HookName): string {
  const { words, before, what } = KINDS[name]
  return [
    `${before}agent-vault ${words} || { code=$?;`,
    `[ $code != 127 ] || { code=1; echo "agent-vault guard: agent-vault, or the node for it, was not found, so this ${what} is stopped; its README tells how to install it" >&2; };`,
    "exit $code; }",
  ].join(" ")
}

/**
 * Puts the guard into a script of husky's: its first line runs the rest of the script as a child,
 * so that neither an `exit 0` nor an `exec` there can keep the guard from running after it. It is
 * one line that ends in a comment, since a checkout on Windows may end it in CR LF.
 */
export function intoScript(text: string | undefined, name: HookName): string {
  const [shebang = ""] = /^#!.*\n/.exec(text ?? "") ?? []
  const line = [
    // Told by an argument: a variable could be left over, and everything would run but the guard.
    `if [ "\${1-}" = ${REST} ]; then shift; else`,
    ...(name === "pre-push" ? [`${TAKE}; ${TELL};`] : []),
    `[ "\${${CHAIN_VARIABLE}-}" = only ] || ${KINDS[name].before}sh -e "$0" ${REST} "$@" || exit $?;`,
    // husky runs it from the top, also where it lies with its project in a folder below.
    `PATH="$(dirname "$0")/../node_modules/.bin:$PWD/node_modules/.bin:$PATH";`,
    `${guardOrWhy(name)}; exit 0; fi`,
    text === undefined ? OURS_AS_A_WHOLE : MARK,
  ].join(" ")
  return `${shebang}${line}\n${(text ?? "").slice(shebang.length)}`
}

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
  const repo = (indent: string): string[] =>
    [
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
  const lines = text.split("\n")
  const repos = lines.findIndex((line) => keyOf(line) === "repos")
  if (repos === -1) return append(text, [`repos: ${MARK}`, ...repo("  ")])
  if (!open(lines, repos)) return undefined
  const end = endOfBlock(lines, repos)
  return insert(lines, end, repo(indentOfFirst(lines, repos, end) ?? "  "))
}

/** Takes every line of ours out again; undefined if the file as a whole was ours. */
export function withoutGuard(text: string): string | undefined {
  const lines = text.split("\n")
  const rest = lines
    .flatMap((line) => line.split(WAS)[1] ?? (line.includes(MARK) ? [] : line))
    .join("\n")
  return rest === "" && text.includes(OURS_AS_A_WHOLE) ? undefined : rest
}

export function hasGuard(text: string): boolean {
  return text.includes(MARK)
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

/**
 * The hook itself, for a folder of hooks. The hook that was there runs first, as a child. `program`
 * is how this very program is started; empty in a folder that others get as well. `newFolders`
 * counts the folders that were made for the hook.
 */
export function hookScript(name: HookName, program: readonly string[], newFolders: number): string {
  const { words, before, what } = KINDS[name]
  const isTold = before !== ""
  const start = (by: string): string =>
    isTold ? `  ${before}${by} ${words}; exit $?` : `  exec ${by} ${words}`
  const code = [
    `before="$(dirname "$0")/${beforeName(name)}"`,
    ...(isTold ? [TAKE, TELL] : []),
    `if [ -x "$before" ] && [ "\${${CHAIN_VARIABLE}-}" != only ]; then`,
    `  ${before}"$before" "$@" || exit $?`,
    "fi",
    // First, so that nothing runs that a repository brings along.
    ...(program.length === 0
      ? []
      : [
          `if ${program.map((file) => `[ -f ${quoted(file)} ]`).join(" && ")}; then`,
          start(program.map(quoted).join(" ")),
          "fi",
        ]),
    'PATH="$PWD/node_modules/.bin:$PATH"',
    // A graphical client may have a PATH with the one and not the other.
    "if command -v agent-vault >/dev/null 2>&1 && command -v node >/dev/null 2>&1; then",
    start("agent-vault"),
    "fi",
    "if npx --no -- agent-vault --version >/dev/null 2>&1; then",
    start("npx --no -- agent-vault"),
    "fi",
    guardOrWhy(name),
  ]
  const lines = [
    "#!/bin/sh",
    newFolders > 0 ? `${NEW_FOLDERS}${newFolders}` : MARK,
    `# Stops a ${what} that holds a secret. \`agent-vault guard uninstall\` takes it away again, and`,
    "# brings the hook back that was here before. Do not edit: your own steps belong into",
    `# ${beforeName(name)} beside it, or here before \`agent-vault guard install\`.`,
    // Where a checkout on Windows ends lines in CR LF, the CR is a part of the comment.
    ...code.map((line) => `${line} #`),
    "",
  ]
  return [...lines.slice(0, 2), `${DIGEST}${digestOf(lines)}`, ...lines.slice(2)].join("\n")
}

/** Whether a hook of ours is as it was written; a checkout may have ended its lines in CR LF. */
export function isAsWritten(script: string): boolean {
  const lines = script.replaceAll("\r\n", "\n").split("\n")
  return lines[2] === `${DIGEST}${digestOf(lines.filter((_, at) => at !== 2))}`
}

function digestOf(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16)
}

/** The name that the hook gets which was there before. */
export function beforeName(name: HookName): string {
  return `${name}.before-agent-vault`
}

/** How many folders were made for a hook. */
export function madeFolders(script: string): number {
  const [, after = ""] = script.split(NEW_FOLDERS)
  return Number.parseInt(after, 10) || 0
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
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
