import { VaultError, namesIn, parseGroupName } from "../../../core/index.js"
import { type SetManyResult, setSecrets } from "../../../core/owner.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readersText } from "../../door/readers-text.js"
import {
  asJson,
  counted,
  exposureLines,
  outcomeLines,
  outcomePart,
  print,
  tell,
} from "../../door/render.js"
import { changeRequest, isSet, option, options, placeOf } from "../../door/who.js"
import { readImport } from "../../exchange/import-file.js"
import { type ImportedSecret, importedSecrets } from "../../exchange/imported-names.js"
import { confirm } from "../../terminal/ask.js"
import { typedAgain } from "../../parse/typed-again.js"

export async function run(door: Door): Promise<void> {
  const [file = ""] = door.call.words
  const group = groupOf(door)
  const values = await readImport(door, file)
  const imported = importedSecrets(values, group, option(door, "prefix") ?? "")
  const request = await changeRequest(door)
  if (!request.dryRun && !(await isAgreed(door, imported))) {
    tell(door, "Nothing was changed.")
    return
  }
  const secrets = imported.map(({ name, value, env }) => ({
    name,
    value,
    metadata: env === undefined ? {} : { env },
  }))
  const outcome = await withPerson(door, (person) => setSecrets({ ...request, person, secrets }))
  for (const { value } of imported) value.fill(0)
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  await print(door, resultLines(result))
  tell(door, summary(result, request.dryRun), ...exposureLines(door, result.exposed))
  tell(door, ...outcomeLines(door, outcome), ...(request.dryRun ? [] : nextSteps(file, result)))
}

function groupOf(door: Door): string {
  const [group, another] = options(door, "group")
  if (group !== undefined && another === undefined) return parseGroupName(group)
  throw new VaultError("USAGE", "which group is it to be imported into?", {
    hint: "name one: agent-vault import FILE -g GROUP",
  })
}

/** What is there already gets new values: that is asked first. New secrets take nothing away. */
async function isAgreed(door: Door, imported: readonly ImportedSecret[]): Promise<boolean> {
  if (isSet(door, "yes")) return true
  const known = new Set(namesIn(placeOf(door)).secrets)
  const there = imported.filter(({ name }) => known.has(name)).map(({ name }) => name)
  if (there.length === 0) return true
  tell(door, `${counted(there.length, "secret")} of these are there already:`)
  tell(door, ...there.map((name) => `  ${name}`))
  const yes = typedAgain(door.call, "--yes")
  return confirm(door.terminal, "Give them the values of the file?", yes)
}

const MARKS = { new: "+", "new version": "~", metadata: "~", unchanged: "=" }

/** Names, and never a value. */
function resultLines({ secrets }: SetManyResult): string[] {
  return secrets.map(({ name, version, is }) => `${MARKS[is]} ${name}  version ${version}`)
}

function summary({ secrets, groups }: SetManyResult, dryRun: boolean): string {
  const count = (is: string): number => secrets.filter((secret) => secret.is === is).length
  const parts = [
    `${count("new")} new`,
    `${count("new version")} with a new value`,
    `${count("unchanged") + count("metadata")} as they were`,
  ]
  const made = groups.filter(({ newGroup }) => newGroup).map(({ group }) => group)
  const newGroup = made.length === 0 ? "" : ` The group ${made.join(", ")} is new.`
  return `${counted(secrets.length, "secret")}${dryRun ? " would be stored" : ""}: ${parts.join(", ")}.${newGroup}`
}

function nextSteps(file: string, { groups: [first] }: SetManyResult): string[] {
  if (first === undefined) return []
  const { group, readers } = first
  const who = readersText(readers)
  return [
    ...(file === "-" ? [] : [`${file} still holds the values: delete it where it is not needed.`]),
    who === undefined
      ? `No agent can read them yet. Next: agent-vault grant AGENT ${group}`
      : `They can be read by ${who}. Next: agent-vault run --agent ${readers[0]?.agent ?? "AGENT"} -g ${group} -- COMMAND`,
  ]
}
