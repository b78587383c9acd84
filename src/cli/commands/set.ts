import { randomInt } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import {
  type SecretMetadata,
  VaultError,
  later,
  parseDuration,
  parseSecretName,
  parseTime,
  utc,
} from "../../core/index.js"
import { type SetResult, setSecret } from "../../core/owner.js"
import type { Door } from "../commands.js"
import { asJson, exposureLines, outcomeLine, tell } from "../report.js"
import { askHidden, readAll } from "../terminal.js"
import { changeRequest, option, userPath } from "../who.js"

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const SHORTEST = 8
const LONGEST = 4096

export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  refuseValueInName(name)
  parseSecretName(name)
  const metadata = metadataOf(door)
  const request = await changeRequest(door)
  const value = await takeValue(door, name)
  const outcome = await setSecret({ ...request, name, value, metadata })
  const { result, files, commit } = outcome
  if (await asJson(door, { ...result, files, commit })) return
  tell(door, ...resultLines(result, request.dryRun), ...exposureLines(result.exposed))
  tell(door, outcomeLine(door, outcome), ...(request.dryRun ? [] : nextStep(result)))
}

/** `set stripe/api-key=VALUE` is a value in the arguments as well; it is not repeated. */
function refuseValueInName(name: string): void {
  if (!name.includes("=")) return
  throw new VaultError("VALUE_AS_ARGUMENT", "a value is never taken from the arguments", {
    hint: "arguments end up in the shell's history and in ps: pipe it in, or use --from-file",
  })
}

function metadataOf(door: Door): SecretMetadata {
  const [expires, description, env] = ["expires", "description", "env"].map((name) =>
    option(door, name),
  )
  const reveal = option(door, "reveal") as SecretMetadata["reveal"]
  return {
    ...(expires === undefined ? {} : { expires: expiry(expires, door.now) }),
    ...(description === undefined ? {} : { description }),
    ...(env === undefined ? {} : { env }),
    ...(reveal === undefined ? {} : { reveal }),
  }
}

function expiry(text: string, now: Date): string {
  const time = /^\d+[mhdw]$/.test(text) ? later(now, parseDuration(text)) : parseTime(text)
  if (time > utc(now)) return time
  throw new VaultError("USAGE", `the secret would expire at ${time}, which is past`, {
    hint: "give a later --expires, or a span like 90d",
  })
}

async function takeValue(door: Door, name: string): Promise<Uint8Array> {
  const [file, length] = [option(door, "from-file"), option(door, "generate")]
  if (file !== undefined && length !== undefined) {
    throw new VaultError("USAGE", "--from-file and --generate both say what the value is", {
      hint: "give one",
    })
  }
  if (length !== undefined) return generate(length)
  const value = file === undefined ? await typedOrPiped(door, name) : await readValue(door, file)
  if (value.length > 0) return value
  throw new VaultError("USAGE", "there is no value: stdin, or the file, is empty", {
    hint: `pipe it in, or use --from-file FILE, or run agent-vault set ${name} at a terminal`,
  })
}

async function typedOrPiped(door: Door, name: string): Promise<Uint8Array> {
  const { terminal } = door
  if (terminal.stdin.isTTY) {
    return Buffer.from(
      await askHidden(terminal, `Value of ${name} (not shown)`, "pipe it in, or use --from-file"),
    )
  }
  const piped = await readAll(terminal)
  if (!isOneLine(piped)) return piped
  tell(door, "The newline at the end was left off; --from-file - keeps every byte.")
  return piped.subarray(0, piped.at(-2) === 13 ? -2 : -1)
}

/** A single line of text, as `echo` sends it: its newline is not part of the value. */
function isOneLine(bytes: Buffer): boolean {
  const end = bytes.indexOf(10)
  return end === bytes.length - 1 && end > 0 && Buffer.from(bytes.toString("utf8")).equals(bytes)
}

async function readValue(door: Door, file: string): Promise<Uint8Array> {
  if (file === "-") return readAll(door.terminal)
  const path = userPath(door, file)
  const limit = 16 * 1024 * 1024
  try {
    const { size } = statSync(path)
    if (size <= limit) return readFileSync(path)
  } catch (cause) {
    throw new VaultError("USAGE", `the file ${file} cannot be read`, {
      hint: "give the path of a file",
      cause,
    })
  }
  throw new VaultError("VALUE_TOO_LARGE", `${file} is larger than a secret may be`, {
    hint: "a secret holds at most 16777216 bytes (16 MiB)",
  })
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
  return [said[is], ...(newGroup ? [`The group ${group} is new.${similar}`] : [])]
}

function nextStep({ name, readers }: SetResult): string[] {
  const [group = ""] = name.split("/")
  if (readers.length === 0) {
    return [`No agent can read it yet. Next: agent-vault grant AGENT ${group}`]
  }
  const who = readers.map(({ agent, until }) =>
    until === undefined ? agent : `${agent} until ${until}`,
  )
  return [
    `It can be read by ${who.join(", ")}. Next: agent-vault get ${name} --agent ${readers[0]?.agent ?? "AGENT"}`,
  ]
}
