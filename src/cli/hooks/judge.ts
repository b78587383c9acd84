import { basename } from "node:path"
import type { Environment } from "../../core/index.js"
import type { HookCall, HookVerdict } from "./hook-call.js"
import { isEnvFile, whyKept } from "./kept-path.js"

/** How a command line is made one that runs blind, or redacted; undefined leaves it as it is. */
export type WrapCommand = ((call: HookCall, command: string) => string) | undefined

/** Under these keys, tools take paths; `glob` is a pattern for them. */
const OF_PATHS = /path|file|dir|folder|uri|glob|notebook/i
/** What no path has at its ends, in a command line: quotes, what separates words, redirections. */
const BETWEEN_WORDS = /[\s'"`;&|<>(){}=,@:]+/
/** A longer word is no path. */
const LONGEST = 4096

/** What is to be said before a tool runs. */
export function judgeBefore(call: HookCall, env: Environment, wrap: WrapCommand): HookVerdict {
  const { command } = call
  const named = command === undefined ? pathsIn(call.input) : wordsOf(command)
  for (const path of named) {
    const why = keptWhy(path, call.cwd, env)
    if (why !== undefined) return { is: "refuse", reason: reasonOf(path, why) }
  }
  if (command === undefined || wrap === undefined) return { is: "pass" }
  return { is: "command", command: wrap(call, command) }
}

function keptWhy(path: string, cwd: string, env: Environment): string | undefined {
  // A pattern is no file, and stands for some.
  if (/[*?[]/.test(path)) {
    return isEnvFile(basename(path).replace(/[*?]+$/, "")) ? "it may hold values" : undefined
  }
  return whyKept(path, cwd, env)
}

function reasonOf(path: string, why: string): string {
  return `agent-vault: ${path} is not for a model to read: ${why}. You need no value to use a secret: name it, and agent-vault puts it where it goes (agent-vault list, agent-vault explain METHOD URL). If the file itself is needed, ask the person.`
}

/** All texts of an input that name a file or a folder, at any depth. */
function pathsIn(input: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(input).flatMap(([key, value]) => pathsAt(key, value))
}

function pathsAt(key: string, value: unknown): string[] {
  if (typeof value === "string") return OF_PATHS.test(key) ? [value.replace(/^file:\/\//, "")] : []
  if (Array.isArray(value)) return value.flatMap((each) => pathsAt(key, each))
  return typeof value === "object" && value !== null
    ? pathsIn(value as Readonly<Record<string, unknown>>)
    : []
}

/** What may be a path in a command line. A shell can build one that is not seen here. */
function wordsOf(command: string): string[] {
  const words = command.split(BETWEEN_WORDS)
  return [...new Set(words)].filter((word) => word !== "" && word.length <= LONGEST)
}
