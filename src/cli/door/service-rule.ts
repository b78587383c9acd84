import { type Use, type WrittenUse, describeUse, loadServices } from "../../core/index.js"
import type { UseChange } from "../../core/owner.js"
import { typedAgain } from "../parse/typed-again.js"
import { confirm } from "../terminal/ask.js"
import type { Door } from "./door.js"
import { tell } from "./render.js"
import { isSet, option, options } from "./who.js"

/** Rules that a change adds, and to what. */
type NewRules = Pick<UseChange, "name" | "readers"> & Partial<Pick<UseChange, "added">>

/**
 * Shows rules that are about to be signed, and asks; without any, there is nothing to ask. Whether
 * somebody says yes. Throws `NO_TERMINAL`.
 */
export async function isSigned(
  door: Door,
  { name, added = [], readers }: NewRules,
): Promise<boolean> {
  if (added.length === 0) return true
  tell(door, name, ...addedLines(added, readers))
  return isAgreed(door)
}

/** `--yes`, or the person at the terminal. */
export async function isAgreed(door: Door): Promise<boolean> {
  if (isSet(door, "yes")) return true
  const isYes = await confirm(door.terminal, "Sign it?", typedAgain(door.call, "--yes"))
  if (!isYes) tell(door, "Nothing was changed.")
  return isYes
}

/** Rules that are new, and who uses the secret by them. */
export function addedLines(added: readonly Use[], readers: UseChange["readers"]): string[] {
  const who = readers.map(({ agent, until }) =>
    until === undefined ? agent : `${agent} until ${until}`,
  )
  return [
    ...added.map((rule) => `  + ${ruleLine(rule)}`),
    `  by ${who.length === 0 ? "no agent yet" : who.join(", ")}, without seeing it`,
  ]
}

/** A rule, and the service that it was taken from. */
export function ruleLine(rule: Use): string {
  return rule.service === undefined ? describeUse(rule) : `${describeUse(rule)} (${rule.service})`
}

/** The catalogue's rule, where options say otherwise with those. Throws `SERVICE_NOT_FOUND`. */
export async function ruleOfService(door: Door, name: string): Promise<WrittenUse> {
  const { fillIn, serviceNamed } = await loadServices()
  const service = serviceNamed(name)
  const said = (each: string): readonly string[] | undefined =>
    options(door, each).length === 0 ? undefined : options(door, each)
  const [hosts, user] = [said("host"), option(door, "user")]
  const rule = fillIn(service, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(user === undefined ? {} : { user }),
  })
  return {
    ...rule,
    methods: said("method") ?? rule.methods,
    paths: said("path") ?? rule.paths,
    at: said("at") ?? rule.at,
    scheme: option(door, "scheme") ?? rule.scheme,
    ask: option(door, "ask"),
    template: option(door, "template") ?? rule.template,
    encoding: option(door, "encoding") ?? rule.encoding,
    service: name,
  }
}
