import { spawnSync } from "node:child_process"
import { argv, execPath } from "node:process"
import { type Environment, keyHome } from "../../core/index.js"
import { DIALECTS } from "./dialects.js"
import type { KeyCommand } from "./api-key.js"
import type { HookSpot } from "./hook-spot.js"

/** What a hook was asked, and whether it answered as it should. */
export interface Tried {
  readonly asked: string
  readonly isRight: boolean
  readonly answered: string
}

/** Longer than a hook may take on a machine under load. */
const PATIENCE_MS = 60_000
const HARMLESS = "echo agent-vault-dry-run"

/**
 * Asks a hook, as its client would, what it says of a command and of a key file. It is this program
 * that is started, with the arguments of the hook: what a client's file names could be anything.
 */
export function tryHook(
  client: HookSpot["client"],
  args: readonly string[],
  { cwd, env }: { cwd: string; env: Environment },
): Tried[] {
  const ask = (message: object): string => {
    const { stdout, stderr, status } = spawnSync(execPath, [argv[1] ?? "", ...args], {
      input: JSON.stringify(message),
      cwd,
      env,
      encoding: "utf8",
      timeout: PATIENCE_MS,
    })
    return status === 0 ? stdout.trim() : `exit code ${String(status)}: ${stderr.trim()}`
  }
  const isRun = args.some((arg) => arg === "-g" || arg === "-s")
  const command = ask(messageOf(client, "shell", { command: HARMLESS }, cwd))
  const wrapped = answerOf(client, { command: "x" })
  const read = ask(messageOf(client, "read", { file_path: keyHome(env) }, cwd))
  return [
    {
      asked: "a command",
      isRight: isRun ? hasShapeOf(command, wrapped) && command.includes(HARMLESS) : command === "",
      answered: command,
    },
    {
      asked: "a key file",
      isRight: hasShapeOf(read, answerOf(client, undefined)),
      answered: read,
    },
  ]
}

/** Has a command print a client's own key, as the client would. Nothing of that is shown. */
export function tryKey(
  { args, secret }: KeyCommand,
  { cwd, env }: { cwd: string; env: Environment },
): Tried {
  const how = { cwd, env, timeout: PATIENCE_MS }
  const { stdout, stderr, status } = spawnSync(execPath, [argv[1] ?? "", ...args], how)
  const isRight = status === 0 && stdout.length > 0
  stdout?.fill(0)
  const answered = isRight ? "a key" : `exit code ${String(status)}: ${String(stderr).trim()}`
  return { asked: `the client's own key, ${secret}`, isRight, answered }
}

function messageOf(
  client: HookSpot["client"],
  tool: "shell" | "read",
  input: Readonly<Record<string, unknown>>,
  cwd: string,
): Readonly<Record<string, unknown>> {
  return {
    hook_event_name: client.before,
    tool_name: tool === "shell" ? DIALECTS[client.name].shell : "read",
    tool_input: input,
    cwd,
  }
}

/** What the client's dialect says for a command in place of another, or for a refusal. */
function answerOf(client: HookSpot["client"], of: { command: string } | undefined): object {
  const dialect = DIALECTS[client.name]
  const call = dialect.read(messageOf(client, "shell", { command: HARMLESS }, "/"))
  const verdict =
    of === undefined
      ? ({ is: "refuse", reason: "x" } as const)
      : ({ is: "command", ...of } as const)
  return (call && dialect.answer(call, verdict)) ?? {}
}

/** Whether two documents have the same members, whatever texts are in them. */
function hasShapeOf(text: string, expected: object): boolean {
  try {
    return shapeOf(JSON.parse(text)) === shapeOf(expected)
  } catch {
    return false
  }
}

function shapeOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value
  const members = Object.entries(value).map(([key, each]) => `${key}:${shapeOf(each)}`)
  return `{${members.toSorted().join()}}`
}
