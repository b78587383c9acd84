import { VaultError, parseMetadata } from "../../../core/index.js"
import {
  type AskService,
  IssuerFailure,
  type SelfRotation,
  askIssuer,
  selfRotationNamed,
} from "../../../core/owner.js"
import type { Door } from "../../door/door.js"
import { asJson } from "../../door/render.js"
import { isSet, option } from "../../door/who.js"
import { readAll, withoutNewline } from "../../terminal/input.js"
import { toJson, writeOut } from "../../terminal/terminal.js"

/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/
const LOOK = "look at it there: whether the value is still good, and what it may do"

/** The old value on stdin, the new one on stdout, as `rotate` runs it. */
export async function run(door: Door): Promise<void> {
  const [name = ""] = door.call.words
  const service = selfRotationNamed(name)
  const endpoint = endpointOf(option(door, "url") ?? service.endpoint)
  const until = endOf(door, name, service)
  const { stdin, stdout } = door.terminal
  if (stdin.isTTY || (stdout.isTTY && !isSet(door, "test"))) throw forRotations(name)
  const value = withoutNewline(await readAll(door.terminal)).value.toString("utf8")
  if (!TOKEN.test(value)) throw failed(`what is on stdin is not a token of ${name}`)
  const ask: AskService = (request) => askIssuer({ ...request, endpoint }, { env: door.env })
  try {
    if (isSet(door, "test")) {
      const isTaken = await service.try(value, ask)
      if (isTaken) return void (await asJson(door, { issuer: name, isTaken }))
      throw failed(`${name} does not take this value`)
    }
    const made = await service.roll(value, ask, until)
    if (made === undefined || !TOKEN.test(made)) {
      throw failed(`${name} gave no new value`, `it rotates ${service.about}; look at it there`)
    }
    const shown = isSet(door, "json") ? toJson({ issuer: name, value: made, until }, 2) : made
    if (!(await writeOut(door.terminal, `${shown}\n`))) {
      const hint = "the old one has ended: make another there, then agent-vault set GROUP/NAME"
      throw failed("nobody took the new value", hint)
    }
  } catch (error) {
    if (error instanceof IssuerFailure) throw failed(`${name}: ${error.message}`, error.mend)
    throw error
  }
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.protocol === "https:" && [url.origin, `${url.origin}/`].includes(text)
  if (url !== undefined && isPlain) return url.origin
  throw new VaultError("USAGE", "--url does not name a service", {
    hint: "give scheme and host, and the port if it is not 443: https://gitlab.example.com",
  })
}

function endOf(door: Door, name: string, { takesEnd }: SelfRotation): string | undefined {
  const said = (field: string): string | undefined =>
    field === "expires" ? option(door, field) : undefined
  const { expires } = parseMetadata(said, door.now)
  if (expires === undefined || (takesEnd && !isSet(door, "test"))) return expires
  throw new VaultError("USAGE", `${name} is not told here when a value ends`, {
    hint: "leave --expires out",
  })
}

function forRotations(name: string): VaultError {
  return new VaultError("USAGE", "it takes a value on stdin, and prints one, not at a terminal", {
    hint: `let it be run: agent-vault rotation -s GROUP/NAME -- agent-vault roll ${name}`,
  })
}

function failed(message: string, hint = LOOK): VaultError {
  return new VaultError("ROTATION_FAILED", message, { hint })
}
