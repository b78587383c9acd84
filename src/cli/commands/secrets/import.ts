import { VaultError, namesIn, parseGroupName } from "../../../core/index.js"
import {
  type ChangeRequest,
  type SetManyResult,
  isReference,
  setSecrets,
} from "../../../core/owner.js"
import { afterRepair } from "../../door/after-repair.js"
import { isAgreed } from "../../door/agreed.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { readersText } from "../../door/readers-text.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, counted, outcomeLines, outcomePart, print, tell } from "../../door/render.js"
import { changeRequest, isSet, option, options, placeOf } from "../../door/who.js"
import { readImport } from "../../exchange/import-file.js"
import { importedFromVault } from "../../exchange/import-vault.js"
import { type ImportedSecret, importedSecrets } from "../../exchange/imported-names.js"

export async function run(door: Door): Promise<void> {
  const imported = await importedBy(door)
  const request = await changeRequest(door)
  if (!request.dryRun && !(await mayReplace(door, request, imported))) return
  const outcome = await withPerson(door, (person) =>
    setSecrets({ ...request, person, secrets: imported }),
  )
  const asWritten = asWrittenLines(imported)
  for (const { value } of imported) value.fill(0)
  const { result } = outcome
  if (await asJson(door, { ...result, ...outcomePart(outcome) })) return
  await print(door, resultLines(result))
  tell(door, summary(result, request.dryRun), ...exposureLines(door, result.exposed))
  tell(door, ...asWritten)
  tell(door, ...outcomeLines(door, outcome), ...(request.dryRun ? [] : nextSteps(door, result)))
}

/** What the call names: a file, or a vault of another program. Throws `USAGE` for neither, or both. */
async function importedBy(door: Door): Promise<ImportedSecret[]> {
  const [file] = door.call.words
  const vault = option(door, "from-agent-vault")
  if (file !== undefined && vault === undefined && option(door, "owner-key") === undefined) {
    const group = groupOf(door)
    const values = await readImport(door, file)
    return importedSecrets(values, group, option(door, "prefix") ?? "")
  }
  if (file === undefined && vault !== undefined && option(door, "format") === undefined) {
    return importedFromVault(door, vault)
  }
  throw new VaultError("USAGE", "what is it that is to be imported?", {
    hint: "a file: agent-vault import FILE -g GROUP [--format FORMAT]; or a vault of ewimsatt/agent-vault: agent-vault import --from-agent-vault FOLDER [--owner-key FILE]",
  })
}

function groupOf(door: Door): string {
  const [group, another] = options(door, "group")
  if (group !== undefined && another === undefined) return parseGroupName(group)
  throw new VaultError("USAGE", "which group is it to be imported into?", {
    hint: "name one: agent-vault import FILE -g GROUP",
  })
}

/** What is there already gets new values: that is asked first. New secrets take nothing away. */
async function mayReplace(
  door: Door,
  request: ChangeRequest,
  imported: ImportedSecret[],
): Promise<boolean> {
  if (isSet(door, "yes")) return true
  const known = new Set(namesIn(placeOf(door)).secrets)
  if (!imported.some(({ name }) => known.has(name))) return true
  const look = () => setSecrets({ ...request, dryRun: true, secrets: imported })
  const { result } = await afterRepair(request, look)
  const changed = result.secrets.filter(({ is }) => is !== "new" && is !== "unchanged")
  if (changed.length === 0) return true
  tell(door, `${counted(changed.length, "secret")} of these would change:`)
  tell(door, ...changed.map(({ name }) => `  ${name}`))
  return isAgreed(door, "Give them the imported values?")
}

/** What other programs fill in or fetch, and we store as the text that it is. */
function asWrittenLines(imported: readonly ImportedSecret[]): string[] {
  const named = (means: (text: string) => boolean): string =>
    imported
      .filter(({ value }) => means(Buffer.from(value).toString("utf8")))
      .map(({ name }) => name)
      .join(", ")
  const variables = named((text) => /\$\{\w+\}/.test(text))
  const references = named(isReference)
  return [
    ...(variables === "" ? [] : [`Taken as written, nothing fills in \${NAME}: ${variables}`]),
    ...(references === ""
      ? []
      : [
          `Taken as written, not fetched from another store: ${references}. To fetch it: agent-vault set GROUP/NAME --source REFERENCE`,
        ]),
  ]
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
  const all = `${counted(secrets.length, "secret")}${dryRun ? " would be stored" : ""}`
  return `${all}: ${parts.join(", ")}.${newGroups(made)}`
}

function newGroups(made: readonly string[]): string {
  if (made.length === 0) return ""
  return made.length === 1
    ? ` The group ${made[0]} is new.`
    : ` The groups ${made.join(", ")} are new.`
}

function nextSteps(door: Door, { groups: [first, second] }: SetManyResult): string[] {
  if (first === undefined) return []
  const { group, readers } = first
  const who = readersText(readers)
  const [file = option(door, "from-agent-vault") ?? ""] = door.call.words
  return [
    ...(file === "-" ? [] : [`${file} still holds the values: delete it where it is not needed.`]),
    ...(second === undefined ? [] : ["Who may read what: agent-vault access"]),
    who === undefined
      ? `No agent can read them yet. Next: agent-vault grant AGENT ${group}`
      : `They can be read by ${who}. Next: agent-vault run --agent ${readers[0]?.agent ?? "AGENT"} -g ${group} -- COMMAND`,
  ]
}
