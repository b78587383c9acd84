import { VaultError, shellWord } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { isSet, option, options } from "../door/who.js"
import type { HookClientName } from "../parse/table/hook-clients.js"

/** What a hook adds to whatever it is asked, as its command line says it. */
export function hookOptions(door: Door, agent: string): string[] {
  const isolate = option(door, "isolate")
  return [
    "--agent",
    agent,
    ...chosenIn(door),
    ...(isSet(door, "redact") ? ["--redact"] : []),
    ...(isolate === undefined ? [] : ["--isolate", isolate]),
    ...options(door, "allow").flatMap((host) => ["--allow", host]),
  ]
}

/** The groups and secrets that are chosen. */
function chosenIn(door: Door): string[] {
  return [
    ...options(door, "group").flatMap((group) => ["-g", group]),
    ...options(door, "secret").flatMap((secret) => ["-s", secret]),
  ]
}

/**
 * The command line of a client's hook. Clients take exit code 2 for a no: whatever goes wrong before
 * this program can answer, a program that is not there included, stops the tool.
 */
export function hookLine(
  client: HookClientName,
  program: readonly string[],
  words: readonly string[],
): string {
  return `${[...program, "hooks", "answer", client, ...words].map(shellWord).join(" ")} || exit 2`
}

/** The options of `run` for a command of the model's; undefined if it is to run as it is. */
export function runOptions(door: Door): string[] | undefined {
  const chosen = chosenIn(door)
  const isRedacted = isSet(door, "redact")
  const [isolate, agent] = [option(door, "isolate"), option(door, "agent")]
  const allowed = options(door, "allow").flatMap((host) => ["--allow", host])
  if (isRedacted && (isolate !== undefined || allowed.length > 0)) {
    throw new VaultError("USAGE", "--isolate and --allow are for blind commands", {
      hint: "leave them out, or --redact",
    })
  }
  if (chosen.length === 0) return undefined
  return [
    ...(agent === undefined ? [] : ["--agent", agent]),
    ...chosen,
    ...(isRedacted ? [] : ["--blind"]),
    ...(isolate === undefined ? [] : ["--isolate", isolate]),
    ...allowed,
  ]
}

/**
 * The arguments in a hook's command line, from `hooks` on; undefined if it is not one that
 * {@link hookLine} makes.
 */
export function argumentsIn(line: string): string[] | undefined {
  const [, rest] = / (hooks answer .*) \|\| exit 2$/s.exec(line) ?? []
  return rest === undefined ? undefined : wordsIn(rest)
}

/** The words of a command line; undefined if it is not one that {@link shellWord} makes. */
export function wordsIn(rest: string): string[] | undefined {
  const words = [...rest.matchAll(/(?:[^\s'\\]|'[^']*'|\\')+/g)].map(([word]) =>
    word.replace(/'([^']*)'|\\'/g, (escaped, quoted?: string) => quoted ?? escaped.slice(1)),
  )
  return words.map(shellWord).join(" ") === rest ? words : undefined
}
