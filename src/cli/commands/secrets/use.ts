import {
  VaultError,
  type WrittenUse,
  describeSecrets,
  parseSecretName,
  parseUse,
} from "../../../core/index.js"
import { type UseChange, type UseEdit, changeUse } from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { isAgreed } from "../../door/agreed.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readingKeyless } from "../../door/reading.js"
import { addedLines, ruleLine, ruleOfService } from "../../door/service-rule.js"
import { asJson, outcomeLines, outcomePart, print, report, table, tell } from "../../door/render.js"
import { changeRequest, isSet, option, options, placeOf } from "../../door/who.js"

export async function run(door: Door): Promise<void> {
  const [name, which] = door.call.words
  if (isSet(door, "list")) return list(door, name)
  if (name === undefined) {
    throw new VaultError("USAGE", "which secret is meant?", {
      hint: "agent-vault use GROUP/NAME …; what there is: agent-vault use --list",
    })
  }
  parseSecretName(name)
  const edit = isSet(door, "remove") ? removal(door, which) : await addition(door, name, which)
  const request = { ...(await changeRequest(door)), name, edit }
  const look = () => changeUse({ ...request, dryRun: true })
  const planned = await afterRepair(request, look)
  const lines = changeLines(planned.result)
  if (request.dryRun) {
    if (await asJson(door, { ...planned.result, files: planned.files })) return
    await report(door, planned, ...lines)
    return
  }
  tell(door, ...lines)
  // A rule lets agents do something new: it is shown first, and somebody says yes.
  if (planned.result.added.length > 0 && !(await isAgreed(door, "Sign it?"))) return
  const outcome = await withPerson(door, (person) => changeUse({ ...request, person }))
  if (await asJson(door, { ...outcome.result, ...outcomePart(outcome) })) return
  tell(door, ...outcomeLines(door, outcome), ...nextStep(outcome.result))
}

async function list(door: Door, name: string | undefined): Promise<void> {
  const place = placeOf(door)
  const group = name === undefined ? undefined : parseSecretName(name).group
  const all = await readingKeyless(door, place, (vault) => describeSecrets(vault, group))
  const meant = name === undefined ? all : all.filter((secret) => secret.name === name)
  if (name !== undefined && meant.length === 0) {
    throw new VaultError("SECRET_NOT_FOUND", `there is no secret ${name}`, {
      hint: "see them all: agent-vault list",
    })
  }
  const secrets = meant.flatMap((secret) =>
    secret.use === undefined ? [] : [{ name: secret.name, use: secret.use }],
  )
  if (await asJson(door, { secrets })) return
  if (secrets.length === 0) {
    tell(door, `There is no use of ${name ?? "any secret"} yet: the broker sends it nowhere.`)
    tell(door, `Next: agent-vault use ${name ?? "GROUP/NAME"} SERVICE, of agent-vault services`)
    return
  }
  const rows = secrets.flatMap((secret) =>
    secret.use.map((rule, at) => [secret.name, String(at + 1), ruleLine(rule)]),
  )
  await print(door, table([["SECRET", "RULE", "WHERE IT MAY GO"], ...rows]))
}

/** Options that say a rule, and no other. */
const SAYS_RULE = ["host", "method", "path", "at", "scheme", "ask", "user", "template", "encoding"]

function removal(door: Door, which: string | undefined): UseEdit {
  const stray = SAYS_RULE.find((name) => name in door.call.options)
  if (stray !== undefined) {
    throw new VaultError("USAGE", `--remove takes rules out, and --${stray} says a new one`, {
      hint: "agent-vault use GROUP/NAME --remove [NUMBER]; the numbers: --list",
    })
  }
  if (which === undefined) return { do: "remove" }
  if (/^[1-9]\d{0,2}$/.test(which)) return { do: "remove", number: Number(which) }
  return { do: "remove", service: which }
}

async function addition(door: Door, name: string, service: string | undefined): Promise<UseEdit> {
  const rule = service === undefined ? ruleSaid(door, name) : await ruleOfService(door, service)
  parseUse(rule)
  return { do: "add", rules: [rule] }
}

/** The rule that the options say. */
function ruleSaid(door: Door, name: string): WrittenUse {
  const [hosts, methods, paths, at] = ["host", "method", "path", "at"].map((each) =>
    options(door, each),
  ) as [readonly string[], readonly string[], readonly string[], readonly string[]]
  if (hosts.length + methods.length + paths.length + at.length === 0) {
    throw new VaultError("USAGE", "nothing says where the secret may go", {
      hint: `agent-vault use ${name} SERVICE, of agent-vault services; or --host, --method, --path and --at`,
    })
  }
  const isBearer =
    at.length > 0 && at.every((each) => each.toLowerCase() === "header:authorization")
  return {
    hosts,
    methods,
    paths,
    at,
    scheme: option(door, "scheme") ?? (isBearer ? "bearer" : "raw"),
    ask: option(door, "ask"),
    user: option(door, "user"),
    template: option(door, "template"),
    encoding: option(door, "encoding"),
  }
}

function changeLines({ name, added, removed, use, readers }: UseChange): string[] {
  const kept = use.filter((rule) => !added.includes(rule))
  return [
    name,
    ...kept.map((rule) => `    ${ruleLine(rule)}`),
    ...removed.map((rule) => `  - ${ruleLine(rule)}`),
    ...(added.length === 0 ? [] : addedLines(added, readers)),
  ]
}

function nextStep({ added, use }: UseChange): string[] {
  const rule = added[0] ?? use[0]
  if (rule === undefined) return []
  const host = (rule.hosts[0] ?? "").replace("*.", "NAME.")
  return [`Next: agent-vault explain ${rule.methods[0] ?? "GET"} https://${host}/…`]
}
