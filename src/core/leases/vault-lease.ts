import type { VaultLease } from "../records/lease.js"
import { fieldOf, isMember, namedFieldOf } from "../sources/field-of.js"
import { fieldsAsText } from "./fields-as-text.js"
import {
  type IssuedValue,
  type IssuerAccess,
  IssuerFailure,
  type IssuerRequest,
  type LeaseIssuer,
} from "./lease-issuer.js"
import { type ReplyDocument, documentIn, endAfter } from "./reply-document.js"

/** What a header can carry: a token, and what else is sent of what a server said. */
const WORD = /^[\x21-\x7e]{1,4096}$/

/**
 * Dynamic secrets of HashiCorp Vault: a database's user, keys of AWS. The end of a lease ends what it
 * was for (https://developer.hashicorp.com/vault/api-docs/system/leases#revoke-lease). An AppRole logs
 * in for each lease, and the end of that token ends the lease.
 */
export const VAULT: LeaseIssuer<VaultLease> = {
  mend: "look whether what is sealed is still good there, and lets its holder read that path",
  requireFit: (lease, sealed) => void shownIn(lease, sealed),
  async issue(lease, sealed, access) {
    const shown = shownIn(lease, sealed)
    const login = lease.role === undefined ? undefined : await loggedIn(lease, shown, access)
    const token = login?.token ?? shown
    // What a token was given ends with it.
    let end = login && endBy(lease, token, "auth/token/revoke-self")
    try {
      const { id, said } = await read(lease, token, access)
      const body = JSON.stringify({ lease_id: id, sync: true })
      end ??= endBy(lease, token, "sys/leases/revoke", body)
      const until = untilIn(documentIn({ body: said }), access.now)
      const first = login !== undefined && login.until < until ? login.until : until
      return { value: valueOf(lease, said), until: first, end }
    } catch (error) {
      await access.discard(end)
      throw error
    }
  },
}

/** What is said of what is none would quote it. */
function shownIn({ role }: VaultLease, sealed: Uint8Array): string {
  const shown = Buffer.from(sealed).toString("utf8").trim()
  if (WORD.test(shown)) return shown
  throw new IssuerFailure(
    `what is sealed is no ${role === undefined ? "token" : "secret id"}`,
    "an owner seals one line: agent-vault set GROUP/NAME",
  )
}

async function loggedIn(
  lease: VaultLease,
  secret: string,
  { ask, now }: IssuerAccess,
): Promise<{ readonly token: string; readonly until: Date }> {
  const body = JSON.stringify({ role_id: lease.role, secret_id: secret })
  const { status, body: said } = await ask(requestOf(lease, "POST", "auth/approle/login", { body }))
  if (status !== 200) throw new IssuerFailure(`it answers ${status} to the login`)
  const token = fieldOf(said, ["auth", "client_token"])?.toString() ?? ""
  if (!WORD.test(token)) throw new IssuerFailure("it answers the login without a token")
  return { token, until: untilIn(documentIn({ body: said })["auth"], now) }
}

async function read(
  lease: VaultLease,
  token: string,
  { ask }: IssuerAccess,
): Promise<{ readonly id: string; readonly said: Buffer }> {
  const { status, body: said } = await ask(requestOf(lease, "GET", lease.path, { token }))
  if (status !== 200) throw new IssuerFailure(`it answers ${status}`)
  const id = fieldOf(said, ["lease_id"])?.toString() ?? ""
  if (WORD.test(id)) return { id, said }
  throw new IssuerFailure(
    "what is read there is no lease, and would not end",
    "name a path of dynamic secrets, such as database/creds/ROLE; for others there are sources",
  )
}

/** The text that readers get. */
function valueOf({ value }: VaultLease, said: Buffer): Buffer {
  return fieldsAsText(value, (name) => {
    const field = namedFieldOf(said, ["data", name])?.toString() ?? ""
    if (/^[\x20-\x7e]{1,16384}$/.test(field)) return field
    const why = isMember(said, ["data", name])
      ? `its field ${name} is not a line of text`
      : `it answers without a field ${name}`
    throw new IssuerFailure(why, "see its fields: vault read PATH")
  })
}

function endBy(
  lease: VaultLease,
  token: string,
  path: string,
  body?: string,
): NonNullable<IssuedValue["end"]> {
  return async ({ ask }) => {
    const { status } = await ask(requestOf(lease, "POST", path, { token, body }))
    if (status !== 204) throw new IssuerFailure(`it answers ${status}`)
  }
}

function requestOf(
  { endpoint, namespace }: VaultLease,
  method: IssuerRequest["method"],
  path: string,
  { token, body }: { readonly token?: string; readonly body?: string | undefined },
): IssuerRequest {
  const headers = {
    Accept: "application/json",
    "User-Agent": "agent-vault",
    "X-Vault-Request": "true",
    ...(token !== undefined && { "X-Vault-Token": token }),
    ...(namespace !== undefined && { "X-Vault-Namespace": namespace }),
    ...(body !== undefined && { "Content-Type": "application/json" }),
  }
  return { method, endpoint, path: `/v1/${path}`, headers, ...(body !== undefined && { body }) }
}

function untilIn(said: unknown, now: Date): Date {
  const { lease_duration: seconds } = (said ?? {}) as ReplyDocument
  return endAfter(seconds, now)
}
