import type { OAuthLease } from "../records/lease.js"
import { fieldOf } from "../sources/field-of.js"
import { keeperOf } from "./keepers.js"
import {
  type IssuedValue,
  type IssuerAccess,
  IssuerFailure,
  type IssuerReply,
  type LeaseIssuer,
} from "./lease-issuer.js"
import { type ReplyDocument, documentIn, endAfter } from "./reply-document.js"

/** What RFC 6749, section 5.2, and RFC 8707 let a server say: of what it says, these alone are told. */
const ERRORS = [
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
]
/** An access token: what a header can carry. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/
/** A refresh token, or the secret of a client. */
const TEXT = /^[\x20-\x7e]{1,16384}$/

/** What is sealed: a refresh token, alone, or in JSON with the secret of its client. */
interface RefreshGrant {
  readonly refresh: string
  readonly secret?: string | undefined
}

/**
 * Access tokens of OAuth 2.0 in exchange for a refresh token
 * (https://www.rfc-editor.org/rfc/rfc6749#section-6). A server may give another refresh token with
 * each, and end the one before. Only an owner signs a new value into the vault: so there is one agent
 * that the record names, which keeps the successors; or nobody gets a lease.
 */
export const OAUTH: LeaseIssuer<OAuthLease> = {
  mend: "look whether the client and the endpoint are those of the refresh token",
  requireFit: (_lease, sealed) => void grantIn(sealed),
  async issue(lease, sealed, access) {
    const { reader, succession } = access
    const keeper = keeperOf(lease)
    if (keeper === undefined) return withoutKeeper(lease, sealed, access)
    if (reader.role !== "agent" || reader.name !== keeper) {
      throw new IssuerFailure(
        `the agent ${keeper} alone takes leases of it, as each one may end the refresh token before`,
        `read it as that agent, where it keeps the latest one`,
      )
    }
    return succession.inTurn(async () => {
      const grant = grantIn((await succession.latest()) ?? sealed)
      // First of all: it may be the only one that is good from now on.
      return exchanged(lease, grant, access, (next) => succession.keep(next))
    })
  },
}

/** A refresh token that nobody expected is kept, so that it is not lost; but nothing leaves. */
async function withoutKeeper(
  lease: OAuthLease,
  sealed: Uint8Array,
  access: IssuerAccess,
): Promise<IssuedValue> {
  const { reader, succession } = access
  const isIgnored = lease.successors === "ignored"
  const keeper = reader.role === "agent" ? reader.name : "NAME"
  const unsaid = new IssuerFailure(
    "it gives another refresh token with each lease, and the record does not say who keeps them",
    `an owner says it, --with successors=agent:${keeper}, or successors=ignored where the sealed one stays good; what came lies sealed in ${succession.file}`,
  )
  // To send what is sealed a second time may end what came.
  if (!isIgnored && (await succession.latest()) !== undefined) throw unsaid
  return exchanged(lease, grantIn(sealed), access, async (next) => {
    if (isIgnored) return
    await succession.inTurn(() => succession.keep(next))
    throw unsaid
  })
}

/** `keep` gets what succeeds the grant, if that was replaced. What does not leave then is ended. */
async function exchanged(
  lease: OAuthLease,
  grant: RefreshGrant,
  { askThrough, discard, now }: IssuerAccess,
  keep: (next: string) => Promise<void>,
): Promise<IssuedValue> {
  const { endpoint, scope, resource } = lease
  const { headers, form } = shownBy(lease, grant)
  form.set("grant_type", "refresh_token")
  form.set("refresh_token", grant.refresh)
  if (scope !== undefined) form.set("scope", scope.replaceAll(",", " "))
  for (const each of resource?.split(",") ?? []) form.append("resource", each)
  const body = form.toString()
  const reply = await askThrough({ method: "POST", endpoint, path: "", headers, body })
  const said = documentIn(reply)
  const end = endBy(lease, grant, said)
  try {
    if (reply.status !== 200) throw refusal(reply, said)
    const next = successorIn(said, grant)
    if (next !== undefined) await keep(next)
    return { ...issuedIn(said, now), ...(end && { end }) }
  } catch (error) {
    await discard(end)
    throw error
  }
}

/** What is to be sealed in the place of a grant; some servers say null or "" of one that stays. */
function successorIn(
  { refresh_token: next }: ReplyDocument,
  grant: RefreshGrant,
): string | undefined {
  if (next === undefined || next === null || next === "" || next === grant.refresh) return undefined
  if (typeof next === "string" && TEXT.test(next)) return sealedText({ ...grant, refresh: next })
  throw new IssuerFailure("it gives another refresh token, which is none")
}

function refusal({ status }: IssuerReply, { error }: ReplyDocument): IssuerFailure {
  const known = ERRORS.find((each) => each === error)
  if (known !== "invalid_grant") {
    return new IssuerFailure(`it answers ${status}${known === undefined ? "" : `, ${known}`}`)
  }
  return new IssuerFailure(
    `it answers ${status}, ${known}: the refresh token is over, or another client's`,
    "an owner gets a new one there, and sets it",
  )
}

/** A token that readers can use. */
function issuedIn(
  { access_token: token, token_type: type, expires_in: seconds }: ReplyDocument,
  now: Date,
): IssuedValue {
  if (typeof token !== "string" || !TOKEN.test(token)) {
    throw new IssuerFailure("it answers without a token")
  }
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") {
    throw new IssuerFailure("it gives a token that is not a bearer token")
  }
  return { value: Buffer.from(token), until: endAfter(seconds, now) }
}

/**
 * The end of a token (https://www.rfc-editor.org/rfc/rfc7009#section-2.1), also of one that readers
 * cannot use; undefined where none came, or there is no way.
 */
function endBy(
  lease: OAuthLease,
  grant: RefreshGrant,
  { access_token: token }: ReplyDocument,
): IssuedValue["end"] {
  const { revoke: endpoint } = lease
  if (endpoint === undefined || typeof token !== "string" || token === "") return undefined
  return async ({ ask }) => {
    const { headers, form } = shownBy(lease, grant)
    form.set("token", token)
    form.set("token_type_hint", "access_token")
    const body = form.toString()
    const { status } = await ask({ method: "POST", endpoint, path: "", headers, body })
    if (status !== 200) throw new IssuerFailure(`it answers ${status}`)
  }
}

/** How the client shows who it is (RFC 6749, section 2.3.1). */
function shownBy(
  { client, auth }: OAuthLease,
  { secret }: RefreshGrant,
): { readonly headers: Readonly<Record<string, string>>; readonly form: URLSearchParams } {
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "agent-vault",
  }
  if (secret === undefined) return { headers, form: new URLSearchParams({ client_id: client }) }
  if (auth === "post") {
    const form = new URLSearchParams({ client_id: client, client_secret: secret })
    return { headers, form }
  }
  const pair = [client, secret].map((each) => new URLSearchParams({ x: each }).toString().slice(2))
  const basic = Buffer.from(pair.join(":")).toString("base64")
  return { headers: { ...headers, Authorization: `Basic ${basic}` }, form: new URLSearchParams() }
}

/** What is said of what is none would quote it. */
function grantIn(sealed: Uint8Array): RefreshGrant {
  const text = Buffer.from(sealed).toString("utf8").trim()
  const isDocument = text.startsWith("{")
  const [refresh, secret] = isDocument
    ? ["refresh_token", "client_secret"].map((name) => fieldOf(Buffer.from(text), [name]))
    : [Buffer.from(text)]
  const grant = { refresh: refresh?.toString() ?? "", secret: secret?.toString() }
  if (TEXT.test(grant.refresh) && TEXT.test(grant.secret ?? "-")) return grant
  throw new IssuerFailure(
    "what is sealed is not a refresh token, nor JSON with refresh_token and client_secret",
    "an owner seals what the server gave: agent-vault set GROUP/NAME",
  )
}

function sealedText({ refresh, secret }: RefreshGrant): string {
  // Alone it is read without blanks around it, and as JSON if it looks so.
  const isPlain = secret === undefined && /^[^ {](?:.*[^ ])?$/.test(refresh)
  return isPlain ? refresh : JSON.stringify({ refresh_token: refresh, client_secret: secret })
}
