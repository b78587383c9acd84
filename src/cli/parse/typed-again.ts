import { shellWord } from "../../core/index.js"
import type { Call } from "./call.js"

/** The commands whose words are another program's command line. */
export const BEHIND_DASHES: ReadonlySet<string> = new Set(["run", "rotation", "doctor"])

/** The line of a call with more behind its options, to be typed as it is: `--yes`, say. */
export function typedAgain({ command, words, options }: Call, more: string): string {
  const given = Object.entries(options).flatMap(([name, value]) => optionWords(name, value))
  const own = words.map(shellWord)
  const line = BEHIND_DASHES.has(command)
    ? [...given, more, ...(own.length > 0 ? ["--", ...own] : [])]
    : [...own, ...given, more]
  return `agent-vault ${command} ${line.join(" ")}`
}

/**
 * A hint whose lines read values as the one who acted, if the call says who: nobody else may be known
 * where they are typed. A line that says who acts stays as it is.
 */
export function asActing(hint: string, { options }: Call): string {
  const [agent, key, owner] = (["agent", "identity", "owner"] as const).map((name) =>
    optionWords(name, options[name]).join(" "),
  )
  // An owner's key is for no program.
  const [reader = "", runner = ""] = [agent || key || owner, agent || key]
  return hint
    .replaceAll(/(agent-vault get [^\s;,]+)(?![^;]* --(?:agent|identity|owner)\b)/g, (line) =>
      `${line} ${reader}`.trimEnd(),
    )
    .replaceAll(/agent-vault run(?= )(?![^;]* --(?:agent|identity)\b)/g, (line) =>
      `${line} ${runner}`.trimEnd(),
    )
}

function optionWords(name: string, value: Call["options"][string] | undefined): string[] {
  if (value === undefined) return []
  if (value === true) return [`--${name}`]
  const values = typeof value === "string" ? [value] : value
  // With an equals sign, what begins with a dash is a value too, and what is implied can be given.
  return values.map((each) =>
    /^-|^$/.test(each) || name === "generate"
      ? `--${name}=${shellWord(each)}`
      : `--${name} ${shellWord(each)}`,
  )
}
