import { createHmac, hash } from "node:crypto"
import { type AwsStsLease, STS_FIELDS } from "../records/lease.js"
import { fieldOf } from "../sources/field-of.js"
import { fieldsAsText } from "./fields-as-text.js"
import {
  type IssuedValue,
  IssuerFailure,
  type IssuerReply,
  type IssuerRequest,
  type LeaseIssuer,
  type LeaseReader,
} from "./lease-issuer.js"

/** Fields of credentials by the names that texts have for them: what STS calls each, and its form. */
const FIELDS: ReadonlyMap<string, readonly [name: string, form: string]> = new Map(
  STS_FIELDS.map((name) => [
    name,
    [
      name.replaceAll(/(?:^|_)(.)/g, (_, first: string) => first.toUpperCase()),
      name === "expiration" ? "[0-9TZ:.+-]{1,40}" : "[A-Za-z0-9_/+=.-]{1,16384}",
    ],
  ]),
)

/** Of what STS says of a refusal, these codes alone are told, each with what mends it. */
const ERRORS: Readonly<Record<string, string>> = {
  AccessDenied:
    "look whether a policy keeps the sealed key's user from that; for a role it needs sts:AssumeRole, and the role's trust policy has to let it in",
  InvalidClientTokenId: "the sealed key is not known there, or not active: an owner sets a new one",
  RegionDisabledException: "activate that region for STS in the account, or name another region",
  RequestExpired: "set this machine's clock: what is signed holds for some minutes",
  SignatureDoesNotMatch:
    "look whether the sealed secret is that of its key id, and whether this machine's clock is right",
  ValidationError: "look whether the role may last so long: aws iam get-role",
}

/** A long-lived key, as an owner sealed it. */
interface AccessKey {
  readonly id: string
  readonly secret: string
}

/**
 * Short-lived keys of AWS: those of a role (AssumeRole), or of the sealed key's own user
 * (GetSessionToken). Nobody can end them before their time. The sealed key signs the request, and its
 * secret part never leaves (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
 */
export const AWS_STS: LeaseIssuer<AwsStsLease> = {
  mend: "look whether the sealed key is active, and may ask for such a session",
  requireFit: (_lease, sealed) => void keyIn(sealed),
  async issue(lease, sealed, { ask, now, reader }) {
    const reply = await ask(signed(lease, formOf(lease, reader), keyIn(sealed), now))
    if (reply.status !== 200) throw refusal(reply)
    return issuedBy(lease, reply)
  },
}

function formOf(
  { role, duration, session, external }: AwsStsLease,
  { name }: LeaseReader,
): URLSearchParams {
  const form = new URLSearchParams({
    Action: role === undefined ? "GetSessionToken" : "AssumeRole",
    Version: "2011-06-15",
    DurationSeconds: duration,
  })
  if (role === undefined) return form
  form.set("RoleArn", role)
  form.set("RoleSessionName", session ?? `agent-vault-${name}`.slice(0, 64))
  if (external !== undefined) form.set("ExternalId", external)
  return form
}

/** A form, signed in AWS's version 4. */
function signed(
  { region, endpoint }: AwsStsLease,
  form: URLSearchParams,
  { id, secret }: AccessKey,
  now: Date,
): IssuerRequest {
  const body = form.toString()
  const { host, pathname } = new URL(endpoint)
  const time = now.toISOString().replaceAll(/[:-]|\.\d+/g, "")
  const scope = [time.slice(0, 8), region, "sts", "aws4_request"]
  const headers = {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    host,
    "x-amz-date": time,
  }
  const names = Object.keys(headers).join(";")
  const lines = Object.entries(headers).map(([name, text]) => `${name}:${text}`)
  const canonical = ["POST", pathname, "", ...lines, "", names, hash("sha256", body)].join("\n")
  const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), hash("sha256", canonical)].join("\n")
  const key = scope.reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`))
  const signature = hmac(key, toSign).toString("hex")
  const terms = `Credential=${id}/${scope.join("/")}, SignedHeaders=${names}, Signature=${signature}`
  const { host: _sent, ...others } = headers
  const Authorization = `AWS4-HMAC-SHA256 ${terms}`
  const more = { Authorization, "User-Agent": "agent-vault" }
  return { method: "POST", endpoint, path: "", headers: { ...others, ...more }, body }
}

function refusal({ status, body }: IssuerReply): IssuerFailure {
  const code = Object.keys(ERRORS).find((each) => body.includes(`<Code>${each}</Code>`))
  if (code === undefined) return new IssuerFailure(`it answers ${status}`)
  return new IssuerFailure(`it answers ${status}, ${code}`, ERRORS[code])
}

/** What STS answers is XML, whose fields have no character that XML would write otherwise. */
function issuedBy({ value }: AwsStsLease, { body }: IssuerReply): IssuedValue {
  const said = body.toString("utf8")
  const fields = new Map<string, string>()
  for (const [name, [tag, form]] of FIELDS) {
    const [, text] = new RegExp(`<${tag}>(${form})</${tag}>`).exec(said) ?? []
    if (text === undefined) throw new IssuerFailure(`it answers without ${tag}`)
    fields.set(name, text)
  }
  const until = new Date(fields.get("expiration") ?? "")
  if (Number.isNaN(until.getTime())) {
    throw new IssuerFailure("it does not say when what it gives ends")
  }
  const field = (name: string): string => fields.get(name) ?? ""
  const keys = {
    id: field("access_key_id"),
    secret: Buffer.from(field("secret_access_key")),
    token: Buffer.from(field("session_token")),
  }
  return { value: fieldsAsText(value, field), keys, until }
}

/** What is said of what is none would quote it. */
function keyIn(sealed: Uint8Array): AccessKey {
  const text = Buffer.from(sealed).toString("utf8").trim()
  const [id = "", secret = ""] = text.startsWith("{")
    ? ["AccessKeyId", "SecretAccessKey"].map((name) =>
        fieldOf(Buffer.from(text), ["AccessKey", name])?.toString(),
      )
    : (/^([^:]*):(.*)$/s.exec(text)?.slice(1) ?? [])
  if (id.startsWith("ASIA")) {
    throw new IssuerFailure(
      "what is sealed is a short-lived key, which ends by itself",
      "an owner seals a long-lived key of a user: aws iam create-access-key",
    )
  }
  if (/^[A-Za-z0-9_]{16,128}$/.test(id) && /^[A-Za-z0-9/+=_-]{16,128}$/.test(secret)) {
    return { id, secret }
  }
  throw new IssuerFailure(
    "what is sealed is no ID:SECRET of an access key, and no JSON as AWS makes one",
    "an owner seals what this prints: aws iam create-access-key --output json",
  )
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest()
}
