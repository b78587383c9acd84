import { type WrittenUse, loadServices } from "../../core/index.js"
import type { Door } from "./door.js"
import { option, options } from "./who.js"

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
