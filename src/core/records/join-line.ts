import { createHash } from "node:crypto"
import { VaultError } from "../words/errors.js"
import { type SigningKey, verifier } from "./signature.js"

/** Who asks to be let in, and the key that was made for it where it will live. */
export interface Joining {
  readonly vault: string
  readonly agent: string
  readonly recipient: string
}

const PREFIX = "agent-vault-join-1:"
const FORM = /^agent-vault-join-1:([A-Za-z0-9_-]{1,8192})$/
const FIELDS = ["agent", "recipient", "signature", "signer", "vault"] as const

/**
 * The line by which an agent's machine asks an owner to let it in: the prefix, and base64url of the
 * JSON of {@link Joining} with `signer` and its `signature` over kind `join`. It holds no secret. Its
 * parts belong together, and are as they were written; whose it is, only a comparison of
 * {@link joinFingerprint} shows.
 */
export function formatJoinLine({ vault, agent, recipient }: Joining, key: SigningKey): string {
  const body = { agent, recipient, signer: key.signer, vault }
  const signed = { ...body, signature: key.sign("join", body) }
  return PREFIX + Buffer.from(JSON.stringify(signed)).toString("base64url")
}

/** What a line of {@link formatJoinLine} says. Throws `RECIPIENT_INVALID`. */
function parseJoinLine(line: string): Joining {
  const [, encoded = ""] = FORM.exec(line.trim()) ?? []
  const { agent, recipient, signature, signer, vault } = fieldsIn(encoded)
  const body = { agent, recipient, signer, vault }
  if (!/^ed25519:[A-Za-z0-9_-]{43}$/.test(signer)) throw damaged()
  if (!verifier(signer)("join", body, signature)) throw damaged()
  return { vault, agent, recipient }
}

/**
 * The recipient in a line, which must be of this agent and this vault. Throws `RECIPIENT_INVALID`,
 * `KEY_WRONG_VAULT`.
 */
export function acceptJoinLine(line: string, vault: string, agent: string): string {
  const joining = parseJoinLine(line)
  if (joining.vault !== vault) {
    throw new VaultError("KEY_WRONG_VAULT", `the line is for the vault ${joining.vault}`, {
      hint: `this vault is ${vault}: the line is made in a clone of it, by agent-vault join ${agent}`,
    })
  }
  if (joining.agent === agent) return joining.recipient
  throw new VaultError("RECIPIENT_INVALID", `the line asks for ${joining.agent}, not ${agent}`, {
    hint: "give the name that is in the line, or have it made anew for the other name",
  })
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

function fieldsIn(encoded: string): Readonly<Record<(typeof FIELDS)[number], string>> {
  const fields = parsedJson(Buffer.from(encoded, "base64url").toString("utf8"))
  const isWhole =
    Object.keys(fields).toSorted().join() === FIELDS.join() &&
    Object.values(fields).every((value) => typeof value === "string")
  if (!isWhole) throw damaged()
  return fields as ReturnType<typeof fieldsIn>
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
