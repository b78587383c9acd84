import { type Use, type WrittenUse, describeUse, loadServices } from "../../core/index.js"
import type { ChangeRequest, Outcome, UseChange } from "../../core/owner.js"
import { afterRepair } from "./after-repair.js"
import { isAgreed } from "./agreed.js"
import type { Door } from "./door.js"
import { readersText } from "./readers-text.js"
import { tell } from "./render.js"
import { option, options } from "./who.js"

/** Rules that a change adds, and to what. */
type NewRules = Pick<UseChange, "name" | "readers"> & Partial<Pick<UseChange, "added">>

/**
 * Looks which rules a change would add, shows them, and asks whether they are to be signed; without
 * any, and in a dry run, there is nothing to ask. Throws as the look does, and `NO_TERMINAL`.
 */
export async function maySign(
  door: Door,
  request: ChangeRequest & { readonly use: readonly Use[] },
  look: () => Promise<Outcome<NewRules>>,
): Promise<boolean> {
  if (request.use.length === 0 || request.dryRun === true) return true
  const { name, added = [], readers } = (await afterRepair(request, look)).result
  if (added.length === 0) return true
  tell(door, name, ...addedLines(added, readers))
  return isAgreed(door, "Sign it?")
}

/** Rules that are new, and who uses the secret by them. */
export function addedLines(added: readonly Use[], readers: UseChange["readers"]): string[] {
  return [
    ...added.map((rule) => `  + ${ruleLine(rule)}`),
    `  by ${readersText(readers) ?? "no agent yet"}, without seeing it`,
  ]
}

/** A rule, and the service that it was taken from. */
export function ruleLine(rule: Use): string {
  return rule.service === undefined ? describeUse(rule) : `${describeUse(rule)} (${rule.service})`
}

/** The rule of a service, if one is named. */
export async function rulesOfService(
  door: Door,
  name: string | undefined,
): Promise<readonly WrittenUse[]> {
  return name === undefined ? [] : [await ruleOfService(door, name)]
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
