import { VaultError } from "../core/guard.js"

// What the guard writes into the files of hooks and their managers, as text in and text out. Each
// line that is ours ends in MARK: it is found again, and removed without touching any other.

/** Ends each line of ours; what follows it on the first one says whether the file is ours too. */
const MARK = "# agent-vault guard install"
const OURS_AS_A_WHOLE = `${MARK}: and this file`

/** Set to `only` by the dry run: hooks of others have nothing to prove. */
export const CHAIN_VARIABLE = "AGENT_VAULT_GUARD"

/** Where npm puts programs comes first: the version that the project chose. */
const RUN = 'PATH="$PWD/node_modules/.bin:$PATH"; agent-vault guard'
const NOT_FOUND =
  "agent-vault guard: agent-vault was not found, so this commit is stopped; install it: npm install --save-dev agent-vault"

/**
 * Puts the guard into a script of husky's: its first line runs the rest of the script as a child,
 * so that neither an `exit 0` nor an `exec` there can keep the guard from running after it. It is
 * one line that ends in a comment, since a checkout on Windows may end it in CR LF.
 */
export function intoScript(text: string | undefined): string {
  const [shebang = ""] = /^#!.*\n/.exec(text ?? "") ?? []
  const line = [
    `if [ "\${${CHAIN_VARIABLE}-}" = rest ]; then unset ${CHAIN_VARIABLE}; else`,
    `[ "\${${CHAIN_VARIABLE}-}" = only ] || ${CHAIN_VARIABLE}=rest sh -e "$0" "$@" || exit $?;`,
    `PATH="$PWD/node_modules/.bin:$PATH";`,
    `command -v agent-vault >/dev/null 2>&1 || { echo "${NOT_FOUND}" >&2; exit 1; };`,
    "agent-vault guard; exit $?; fi",
    text === undefined ? OURS_AS_A_WHOLE : MARK,
  ].join(" ")
  return `${shebang}${line}\n${(text ?? "").slice(shebang.length)}`
}

/** Puts the guard into a lefthook.yml. Throws `USAGE` if it is written in a way not understood. */
export function intoLefthook(text: string): string {
  const job = (indent: string): string[] => [
    `${indent}- name: agent-vault guard ${MARK}`,
    `${indent}  run: '${RUN}' ${MARK}`,
  ]
  const command = (indent: string): string[] => [
    `${indent}agent-vault-guard: ${MARK}`,
    `${indent}  run: '${RUN}' ${MARK}`,
  ]
  const lines = text.split("\n")
  const hook = lines.findIndex((line) => /^(["']?)pre-commit\1:/.test(line))
  if (hook === -1) {
    return append(text, [`pre-commit: ${MARK}`, `  jobs: ${MARK}`, ...job("    ")])
  }
  const end = lines.findIndex((line, at) => at > hook && /^[^\s#]/.test(line))
  const [indent = "  "] = indentsOf(lines, hook + 1, end)
  const list = lines.findIndex(
    (line, at) => at > hook && (end === -1 || at < end) && /^\s+(?:jobs|commands):/.test(line),
  )
  if (!isBlockKey(lines[hook]) || (list !== -1 && !isBlockKey(lines[list]))) {
    throw notUnderstood("lefthook.yml", [`pre-commit:`, `  jobs:`, ...job("    ")])
  }
  if (list === -1) return insert(lines, hook, [`${indent}jobs: ${MARK}`, ...job(`${indent}  `)])
  const [inner = `${indent}  `] = indentsOf(lines, list + 1, end)
  const isJobs = /^\s+jobs:/.test(lines[list] ?? "")
  return insert(lines, list, isJobs ? job(inner) : command(inner))
}

/** Puts the guard into a .pre-commit-config.yaml. Throws `USAGE` as {@link intoLefthook} does. */
export function intoFramework(text: string): string {
  const repo = (indent: string): string[] =>
    [
      "- repo: local",
      "  hooks:",
      "    - id: agent-vault-guard",
      "      name: agent-vault guard",
      `      entry: sh -c '${RUN}'`,
      "      language: system",
      "      stages: [pre-commit]",
      "      pass_filenames: false",
      "      always_run: true",
    ].map((line) => `${indent}${line} ${MARK}`)
  const lines = text.split("\n")
  const repos = lines.findIndex((line) => line.startsWith("repos:"))
  if (repos === -1) return append(text, [`repos: ${MARK}`, ...repo("  ")])
  if (!isBlockKey(lines[repos])) {
    throw notUnderstood(".pre-commit-config.yaml", ["repos:", ...repo("  ")])
  }
  const first = lines.slice(repos + 1).find((line) => /^\s*-/.test(line))
  const [indent = "  "] = first === undefined ? [] : (/^\s*/.exec(first) ?? [])
  return insert(lines, repos, repo(indent))
}

/** Takes every line of ours out again; undefined if the file as a whole was ours. */
export function withoutGuard(text: string): string | undefined {
  const lines = text.split("\n")
  const rest = lines.filter((line) => !line.includes(MARK)).join("\n")
  return rest === "" && text.includes(OURS_AS_A_WHOLE) ? undefined : rest
}

export function hasGuard(text: string): boolean {
  return text.includes(MARK)
}

/**
 * The hook itself, for a folder of hooks. The hook that was there runs first, as a child. `program`
 * is how this very program is started, for shells in which nothing else is found.
 */
export function hookScript(program: readonly string[], isNewFolder: boolean): string {
  return `#!/bin/sh
${isNewFolder ? OURS_AS_A_WHOLE : MARK}
# Stops a commit that holds a secret. \`agent-vault guard uninstall\` takes it away again, and
# brings the hook back that was here before.
before="$(dirname "$0")/${BEFORE}"
if [ -x "$before" ] && [ "\${${CHAIN_VARIABLE}-}" != only ]; then
  "$before" "$@" || exit $?
fi
PATH="$PWD/node_modules/.bin:$PATH"
if command -v agent-vault >/dev/null 2>&1; then
  exec agent-vault guard
fi
if [ -f ${quoted(program.at(-1) ?? "")} ]; then
  exec ${program.map(quoted).join(" ")} guard
fi
if npx --no -- agent-vault --version >/dev/null 2>&1; then
  exec npx --no -- agent-vault guard
fi
echo "${NOT_FOUND}" >&2
exit 1
`
}

/** The name that the hook gets which was there before. */
export const BEFORE = "pre-commit.before-agent-vault"

/** Whether the folder of a hook was made for it. */
export function madeFolder(script: string): boolean {
  return script.includes(OURS_AS_A_WHOLE)
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** Whether a key's value stands in the lines below it. */
function isBlockKey(line = ""): boolean {
  return /^\s*["']?[\w-]+["']?:\s*(?:#.*)?$/.test(line)
}

/** How deep the first line with content is, of these. */
function indentsOf(lines: readonly string[], from: number, to: number): string[] {
  const line = lines
    .slice(from, to === -1 ? undefined : to)
    .find((each) => /^\s+[^\s#]/.test(each) && !each.includes(MARK))
  return line === undefined ? [] : [/^\s*/.exec(line)?.[0] ?? ""]
}

function insert(lines: readonly string[], after: number, ours: readonly string[]): string {
  return [...lines.slice(0, after + 1), ...ours, ...lines.slice(after + 1)].join("\n")
}

function append(text: string, ours: readonly string[]): string {
  if (text === "" || text.endsWith("\n")) return `${text}${ours.join("\n")}\n`
  return `${text}\n${ours.join("\n")}`
}

function notUnderstood(file: string, lines: readonly string[]): VaultError {
  return new VaultError("USAGE", `${file} is written in a way that is not changed by a program`, {
    hint: `add this by hand, then: agent-vault guard status\n${lines.join("\n").replaceAll(` ${MARK}`, "")}`,
  })
}
