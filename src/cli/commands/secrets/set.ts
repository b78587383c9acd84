import { randomInt } from "node:crypto"
import {
  LIMITS,
  VaultError,
  describeUse,
  parseMetadata,
  parseSecretName,
  parseUse,
} from "../../../core/index.js"
import { type SetResult, type Source, parseSource, setSecret } from "../../../core/owner.js"
import { valueAsArgument } from "../../parse/call.js"
import { withPerson } from "../../door/confirm-person.js"
import type { Door } from "../../door/door.js"
import { nextRead, readersText } from "../../door/readers-text.js"
import { exposureLines } from "../../door/exposure-lines.js"
import { asJson, outcomePart, report, tell } from "../../door/render.js"
import { maySign, rulesOfService } from "../../door/service-rule.js"
import { refuseNamedVariable } from "../../exchange/named-variable.js"
import { askHidden } from "../../terminal/ask.js"
import { readAll, tooLarge, withoutNewline } from "../../terminal/input.js"
import { readLimited } from "../../terminal/limited-file.js"
import { leaseLine, leaseSaid } from "../../sources/lease-said.js"
import { changeRequest, isSet, option, userPath } from "../../door/who.js"
import { typedAgain } from "../../parse/typed-again.js"

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const SHORTEST = 8
const LONGEST = 4096

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  refuseValueInName(name)
  parseSecretName(name)
  const metadata = parseMetadata((field) => option(door, field), door.now)
  refuseNamedVariable(metadata.env)
  const use = (await rulesOfService(door, option(door, "use"))).map(parseUse)
  const lease = leaseSaid(door)
  const change = await changeRequest(door)
  const { value, source, isTrimmed = false } = await takeValue(door, name)
  const request = { ...change, name, value, source, lease, metadata, use }
  const look = () => setSecret({ ...request, dryRun: true })
  if (!(await maySign(door, request, look))) return
  const outcome = await withPerson(door, (person) => setSecret({ ...request, person }))
  const { result } = outcome
  if (isTrimmed) tell(door, "The newline at the end is not stored. --from-file - keeps every byte.")
  const from = source && { source }
  if (await asJson(door, { ...result, ...from, ...outcomePart(outcome) })) return
  const lines = [...resultLines(result, request.dryRun), ...exposureLines(door, result.exposed)]
  if (lease !== undefined) lines.push(leaseLine(lease))
  if (source !== undefined) lines.push(sourceLine(source))
  // A rule that is new was shown before it was signed.
  const uses =
    request.dryRun || result.added === undefined
      ? use.map((rule) => `The broker may send it: ${describeUse(rule)}`)
      : []
  await report(door, outcome, ...lines, ...uses)
  if (!request.dryRun) tell(door, nextStep(door, result))
}

/** `set stripe/api-key=VALUE` is a value in the arguments as well; it is not repeated. */
function refuseValueInName(name: string): void {
  if (name.includes("=")) throw valueAsArgument()
}

interface Taken {
  readonly value: Uint8Array
  /** Whether the value ended with a newline, which is not stored. */
  readonly isTrimmed?: boolean
  /** That it is a reference. */
  readonly source?: Source
}

async function takeValue(door: Door, name: string): Promise<Taken> {
  const [file, length] = [option(door, "from-file"), option(door, "generate")]
  const reference = option(door, "source")
  if (reference !== undefined && file === undefined && length === undefined) {
    return { value: Buffer.from(reference), source: parseSource(reference, option(door, "keep")) }
  }
  if (reference !== undefined) {
    throw new VaultError("USAGE", "--source says where the value is, so nothing else may", {
      hint: `agent-vault set ${name} --source REFERENCE`,
    })
  }
  if (option(door, "keep") !== undefined) {
    throw new VaultError("USAGE", "--keep is for a value that lies in another store", {
      hint: `say where: agent-vault set ${name} --source REFERENCE --keep 5m`,
    })
  }
  if (file !== undefined && length !== undefined) {
    throw new VaultError("USAGE", "--from-file and --generate both say what the value is", {
      hint: "give one",
    })
  }
  if (length !== undefined) return { value: generate(length) }
  const taken =
    file === undefined ? await typedOrPiped(door, name) : { value: await readValue(door, file) }
  if (taken.value.length > 0 || isSet(door, "allow-empty")) return taken
  throw new VaultError("USAGE", "there is no value: what was given is empty", {
    hint: `pipe it in, or use --from-file FILE, or run agent-vault set ${name} at a terminal; an empty value needs --allow-empty`,
  })
}

async function typedOrPiped(door: Door, name: string): Promise<Taken> {
  const { terminal } = door
  if (!terminal.stdin.isTTY) return withoutNewline(await readAll(terminal))
  const question = `Value of ${name} (not shown)`
  const flag = `pipe it in, or: ${typedAgain(door.call, "--from-file FILE")}`
  const typed = await askHidden(terminal, { question, what: "the value", flag })
  return withoutNewline(Buffer.from(typed))
}

async function readValue(door: Door, file: string): Promise<Uint8Array> {
  if (file === "-") return readAll(door.terminal)
  const path = userPath(door, file)
  try {
    const bytes = readLimited(path, LIMITS.value)
    if (bytes !== undefined) return bytes
  } catch (cause) {
    throw new VaultError("USAGE", `the file ${file} cannot be read`, {
      hint: "give the path of a file",
      cause,
    })
  }
  throw tooLarge(`${file} is larger than a secret may be`)
}

function generate(text: string): Uint8Array {
  const length = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (length < SHORTEST || length > LONGEST) {
    throw new VaultError("USAGE", `--generate takes a length from ${SHORTEST} to ${LONGEST}`, {
      hint: "for example --generate=32",
    })
  }
  const letters = Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)] ?? "")
  return Buffer.from(letters.join(""))
}

function resultLines(
  { name, version, is, newGroup, similarGroup }: SetResult,
  dryRun: boolean,
): string[] {
  const [group = ""] = name.split("/")
  const stored = dryRun ? "would be stored" : "is stored"
  const said = {
    new: `${name} ${stored}, version ${version}.`,
    "new version": `${name} ${stored}, version ${version}.`,
    metadata: `${name} holds that value already, version ${version}; what is known of it ${dryRun ? "would change" : "changed"}.`,
    unchanged: `${name} holds that value already, version ${version}.`,
  }
  const similar = similarGroup === undefined ? "" : ` Did you mean ${similarGroup}?`
  return [
    said[is],
    ...(newGroup ? [`The group ${group} ${dryRun ? "would be" : "is"} new.${similar}`] : []),
  ]
}

/** What is sealed is a reference, and readers get what it leads to. */
function sourceLine({ store, keep }: Source): string {
  const kept = keep === 0 ? "at each read anew" : `and keep it in memory for ${keep} s at most`
  return `What is stored is the reference. Readers fetch the value from ${store}, ${kept}.`
}

function nextStep(door: Door, { name, readers }: SetResult): string {
  const who = readersText(readers)
  return `${who === undefined ? "" : `It can be read by ${who}. `}${nextRead(door, name, readers)}`
}
