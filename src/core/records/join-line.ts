import { createHash } from "node:crypto"
import { VaultError } from "../words/errors.js"
import { type SigningKey, verifier } from "./signature.js"

/** Who asks to be let in, and the key that was made for it where it will live. */
interface Joining {
  readonly vault: string
  readonly agent: string
  readonly recipient: string
}

const PREFIX = "agent-vault-join-1:"
const FORM = /^agent-vault-join-1:([A-Za-z0-9_-]{1,8192})$/
/** Who asks: a line is of the one kind or of the other. */
type Asker = "agent" | "owner"

/** Who asks to become an owner, and the keys that were made for it where the person is. */
export interface OwnerJoining {
  readonly vault: string
  readonly owner: string
  readonly recipient: string
  /** Who signs what this owner changes. */
  readonly signer: string
}

/**
 * The line by which an agent's machine asks an owner to let it in: the prefix, and base64url of the
 * JSON of {@link Joining} with `signer` and its `signature` over kind `join`. It holds no secret. Its
 * parts belong together, and are as they were written; whose it is, only a comparison of
 * {@link joinFingerprint} shows.
 */
export function formatJoinLine({ vault, agent, recipient }: Joining, key: SigningKey): string {
  return formatLine({ agent, recipient, signer: key.signer, vault }, key)
}

/** The same for who asks to become an owner; `key` is the one that the owner will sign with. */
export function formatOwnerLine(
  { vault, owner, recipient }: Omit<OwnerJoining, "signer">,
  key: SigningKey,
): string {
  return formatLine({ owner, recipient, signer: key.signer, vault }, key)
}

function formatLine(body: Readonly<Record<string, string>>, key: SigningKey): string {
  const signed = { ...body, signature: key.sign("join", body) }
  return PREFIX + Buffer.from(JSON.stringify(signed)).toString("base64url")
}

/**
 * The recipient in a line, which must be of this agent and this vault. Throws `RECIPIENT_INVALID`,
 * `KEY_WRONG_VAULT`.
 */
export function acceptJoinLine(line: string, vault: string, agent: string): string {
  return acceptLine(line, "agent", vault, agent).recipient
}

/** What a line says that asks for this owner of this vault. Throws like {@link acceptJoinLine}. */
export function acceptOwnerLine(line: string, vault: string, owner: string): OwnerJoining {
  const { recipient, signer } = acceptLine(line, "owner", vault, owner)
  return { vault, owner, recipient, signer }
}

function acceptLine(line: string, asker: Asker, vault: string, name: string): ParsedLine {
  const parsed = parseLine(line)
  if (parsed.vault !== vault) {
    const made = `agent-vault join ${parsed.name}${parsed.asker === "owner" ? " --owner" : ""}`
    throw new VaultError("KEY_WRONG_VAULT", `the line is for the vault ${parsed.vault}`, {
      hint: `this vault is ${vault}: the line is made in a clone of it, by ${made}`,
    })
  }
  if (parsed.asker !== asker) {
    throw new VaultError(
      "RECIPIENT_INVALID",
      `the line asks for the ${parsed.asker} ${parsed.name}`,
      {
        hint: `only if that is meant: agent-vault ${parsed.asker} add ${parsed.name} --join LINE`,
      },
    )
  }
  if (parsed.name === name) return parsed
  throw new VaultError("RECIPIENT_INVALID", `the line asks for ${parsed.name}, not ${name}`, {
    hint: "give the name that is in the line, or have it made anew for the other name",
  })
}

interface ParsedLine {
  readonly asker: Asker
  readonly name: string
  readonly vault: string
  readonly recipient: string
  readonly signer: string
}

/** What a line says, if its parts belong together. Throws `RECIPIENT_INVALID`. */
function parseLine(line: string): ParsedLine {
  const [, encoded = ""] = FORM.exec(line.trim()) ?? []
  const fields = fieldsIn(encoded)
  const { signature = "", ...body } = fields
  const asker = "owner" in fields ? "owner" : "agent"
  const { [asker]: name = "", recipient = "", signer = "", vault = "" } = body
  if (!/^ed25519:[A-Za-z0-9_-]{43}$/.test(signer)) throw damaged()
  if (!verifier(signer)("join", body, signature)) throw damaged()
  return { asker, name, vault, recipient, signer }
}

/** What two people compare by another way, to see that a recipient is the one that was made: 80 bits. */
export function joinFingerprint(recipient: string): string {
  const hex = createHash("sha256").update(recipient).digest("hex").slice(0, 20)
  return (hex.match(/.{5}/g) ?? []).join("-")
}

/** The same of an owner, who signs as well as opens: it is over both keys, or either could be another's. */
export function ownerFingerprint(owner: {
  readonly recipient: string
  readonly signer: string
}): string {
  return joinFingerprint(`${owner.recipient}\n${owner.signer}`)
}

function fieldsIn(encoded: string): Readonly<Record<string, string>> {
  const fields = parsedJson(Buffer.from(encoded, "base64url").toString("utf8"))
  const names = Object.keys(fields).toSorted().join()
  const isWhole =
    /^(?:agent|owner),recipient,signature,signer,vault$/.test(names) &&
    Object.values(fields).every((value) => typeof value === "string")
  if (!isWhole) throw damaged()
  return fields as Readonly<Record<string, string>>
}

function parsedJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null) return value
  } catch (cause) {
    throw damaged(cause)
  }
  throw damaged()
}

function damaged(cause?: unknown): VaultError {
  return new VaultError("RECIPIENT_INVALID", "the line of join is not whole, or was changed", {
    hint: "copy it anew, all of it, where it was made: agent-vault join NAME prints it again",
    ...(cause === undefined ? {} : { cause }),
  })
}
