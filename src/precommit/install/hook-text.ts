import { createHash } from "node:crypto"
import { basename } from "node:path"

// What the guard writes into hooks, as text in and text out. Each line that is ours, in a manager's
// configuration too, ends in MARK: it is found again, and removed without touching any other.

/** Ends each line of ours; what follows it on the first one says what else is ours. */
export const MARK = "# agent-vault guard install"
const OURS_AS_A_WHOLE = `${MARK}: and this file`
const NEW_FOLDERS = `${MARK}: new folders: `
/** Ends a line that stands in the place of one of the user's. */
export const WAS = `${MARK}: was: `
/** Begins the line of a hook of ours by which it is known whether anybody has changed it. */
const DIGEST = "# sha256 of the other lines: "

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

/**
 * The hook itself, for a folder of hooks. The hook that was there runs first, as a child. `program`
 * is how this very program is started; empty in a folder that others get as well. `newFolders`
 * counts the folders that were made for the hook.
 */
export function hookScript(name: HookName, program: readonly string[], newFolders: number): string {
  const { before } = KINDS[name]
  return signed(newFolders > 0 ? `${NEW_FOLDERS}${newFolders}` : MARK, [
    `# Stops a ${KINDS[name].what} that holds a secret. \`agent-vault guard uninstall\` takes it away again, and`,
    "# brings the hook back that was here before. Do not edit: your own steps belong into",
    `# ${beforeName(name)} beside it, or here before \`agent-vault guard install\`.`,
    ...endedInComments([
      `before="$(dirname "$0")/${beforeName(name)}"`,
      ...taken(name),
      `if [ -x "$before" ] && [ "\${${CHAIN_VARIABLE}-}" != only ]; then`,
      `  ${before}"$before" "$@" || exit $?`,
      "fi",
      ...startGuard(name, program),
    ]),
  ])
}

/**
 * A hook that git runs ahead of a manager's, in every work tree of this clone: it starts the one
 * that git would run there without ours, and then the guard, if `program` is given. `ours` is the
 * folder of these hooks, as the configuration has it.
 */
export function aheadScript(name: string, ours: string, program?: readonly string[]): string {
  const next = [
    `folder="$(git config --type=path --get-all core.hooksPath | grep -Fvx -- ${quoted(ours)} | tail -n 1)"`,
    `next="\${folder:-$(git rev-parse --git-common-dir)/hooks}/${name}"`,
    // Never itself, by whatever path.
    `if [ ! -x "$next" ] || [ "$next" -ef "$0" ]; then next=""; fi`,
  ]
  return signed(MARK, [
    `# Runs ahead of ${name} of whoever manages the hooks of a work tree of this clone, and starts it.`,
    "# `agent-vault guard uninstall` takes it away again. Do not edit.",
    ...endedInComments([...next, ...(program === undefined ? [HAND_ON] : aheadOf(name, program))]),
  ])
}

const HAND_ON = `[ -z "$next" ] || exec "$next" "$@"`

function aheadOf(name: string, program: readonly string[]): readonly string[] {
  const kind = hookNameOf(name)
  return [
    ...taken(kind),
    `if [ -n "$next" ] && [ "\${${CHAIN_VARIABLE}-}" != only ]; then`,
    // Where a script of husky's starts the guard, it leaves it to this hook.
    `  if grep -qs ${REST} "$(dirname "$(dirname "$next")")/${name}"; then rest=${REST}; else rest=""; fi`,
    `  ${KINDS[kind].before}"$next" $rest "$@" || exit $?`,
    "fi",
    ...startGuard(kind, program),
  ]
}

function taken(name: HookName): readonly string[] {
  return name === "pre-push" ? [TAKE, TELL] : []
}

/** The guard at the end of a hook, by this very program or by what is found. */
function startGuard(name: HookName, program: readonly string[]): readonly string[] {
  const { words, before } = KINDS[name]
  const start = (by: string): string =>
    before === "" ? `  exec ${by} ${words}` : `  ${before}${by} ${words}; exit $?`
  return [
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
}

/** Where a checkout on Windows ends lines in CR LF, the CR is a part of the comment. */
function endedInComments(code: readonly string[]): readonly string[] {
  return code.map((line) => `${line} #`)
}

/** A script with the digest of its other lines. */
function signed(first: string, body: readonly string[]): string {
  const lines = ["#!/bin/sh", first, ...body, ""]
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
