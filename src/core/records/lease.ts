/**
 * A GitHub App, whose private key is sealed: a token of one of its installations lasts an hour
 * (https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app).
 */
export interface GitHubAppLease {
  readonly kind: "github-app"
  /** The app's id, or its client id. */
  readonly app: string
  /** The id of the installation, digits. */
  readonly installation: string
  /** The REST API, an https address without a query or a slash at the end. */
  readonly endpoint: string
  /** The repositories that the token is for, `api,web`; absent: all of the installation. */
  readonly repositories?: string
  /** What the token may do, `contents:read,issues:write`; absent: all that the installation may. */
  readonly permissions?: string
}

/**
 * An OAuth client, whose refresh token is sealed: an access token lasts as long as its server says
 * (https://www.rfc-editor.org/rfc/rfc6749#section-6).
 */
export interface OAuthLease {
  readonly kind: "oauth"
  /** The id of the client that the refresh token was given to. */
  readonly client: string
  /** The token endpoint, an address as of a GitHub App. */
  readonly endpoint: string
  /** How a client with a secret shows it: in the header `Authorization`, or in the body. */
  readonly auth: "basic" | "post"
  /** What the token may do, `mail.read,offline_access`; absent: all that was granted. */
  readonly scope?: string
  /** Where the token is to be used, addresses (RFC 8707). */
  readonly resource?: string
  /** The endpoint that ends a token (RFC 7009); absent: nobody ends it before its time. */
  readonly revoke?: string
  /**
   * What becomes of a refresh token that succeeds the sealed one: `ignored`, as the sealed one stays
   * good, or `agent:NAME`, who keeps it. Absent: there is to be none.
   */
  readonly successors?: string
}

/**
 * Dynamic secrets of HashiCorp Vault, for a token of it, or an AppRole's secret id, that is sealed
 * (https://developer.hashicorp.com/vault/docs/concepts/lease).
 */
export interface VaultLease {
  readonly kind: "vault"
  /** The server, an address as of a GitHub App. */
  readonly endpoint: string
  /** What is read there, `database/creds/app`. */
  readonly path: string
  /** What readers get: a text with the names of fields of the answer, `{username}:{password}`. */
  readonly value: string
  /** The role id of an AppRole, if its secret id is sealed. */
  readonly role?: string
  readonly namespace?: string
}

/**
 * Short-lived keys of AWS, for a long-lived access key that is sealed
 * (https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html).
 */
export interface AwsStsLease {
  readonly kind: "aws-sts"
  /** The region that signs, `eu-central-1`. */
  readonly region: string
  /** The region's STS, an address as of a GitHub App. */
  readonly endpoint: string
  /** What readers get: a text with the names of {@link STS_FIELDS}. */
  readonly value: string
  /** In seconds. */
  readonly duration: string
  /** The ARN of the role that is assumed; absent: the keys are those of the sealed key's own user. */
  readonly role?: string
  /** With a role: what AWS's own log calls the session; absent: `agent-vault-` and who reads. */
  readonly session?: string
  /** With a role: the external id that its trust policy asks for. */
  readonly external?: string
}

/** That what is sealed is exchanged, where it is read, for a value that lives for a short time. */
export type Lease = GitHubAppLease | OAuthLease | VaultLease | AwsStsLease

export type LeaseKind = Lease["kind"]

/** One thing that is said of a lease, `NAME=VALUE`. */
interface LeaseMember {
  readonly isNeeded?: true
  readonly pattern: RegExp
  /** Several, sorted, each once, a comma between them. */
  readonly isList?: true
  /** Another one, without which this one says nothing. */
  readonly isOf?: string
  readonly example: string
}

/** An https address: a host, a port, a path. No user, no query, no fragment, no slash at the end. */
const ENDPOINT =
  /^(?=.{1,1000}$)https:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~-]+)*$/
export const GITHUB = "https://api.github.com"
/** A path without a way up, and no slash at either end. */
const PATH = /^(?=.{1,500}$)[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/
/** Fields of what STS gives: the names in braces that a text may have. */
export const STS_FIELDS = ["access_key_id", "secret_access_key", "session_token", "expiration"]
const STS_FIELD = `\\{(?:${STS_FIELDS.join("|")})\\}`
const MOST_ITEMS = 100
/** Members that are addresses. */
const ADDRESSES = new Set(["endpoint", "revoke"])

/** What each kind of lease says, texts all. The schema of the record knows the kinds alone. */
export const LEASE_KINDS: Readonly<Record<LeaseKind, Readonly<Record<string, LeaseMember>>>> = {
  "github-app": {
    app: { isNeeded: true, pattern: /^[A-Za-z0-9.]{1,64}$/, example: "12345" },
    installation: { isNeeded: true, pattern: /^[1-9][0-9]{0,19}$/, example: "678" },
    endpoint: { isNeeded: true, pattern: ENDPOINT, example: GITHUB },
    repositories: { isList: true, pattern: /^[A-Za-z0-9._-]{1,100}$/, example: "web,api" },
    permissions: {
      isList: true,
      pattern: /^[a-z_]{1,64}:(?:read|write|admin)$/,
      example: "contents:read,issues:write",
    },
  },
  oauth: {
    client: { isNeeded: true, pattern: /^[\x21-\x7e]{1,500}$/, example: "my-client" },
    endpoint: { isNeeded: true, pattern: ENDPOINT, example: "https://login.example/token" },
    auth: { isNeeded: true, pattern: /^(?:basic|post)$/, example: "post" },
    scope: {
      isList: true,
      // Those of RFC 6749 without the comma.
      pattern: /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,300}$/,
      example: "mail.read,offline_access",
    },
    resource: {
      isList: true,
      pattern: /^[a-z][a-z0-9+.-]{0,30}:[\x21\x24-\x2b\x2d-\x5b\x5d-\x7e]{1,500}$/,
      example: "https://api.example/",
    },
    revoke: { pattern: ENDPOINT, example: "https://login.example/revoke" },
    successors: {
      pattern: /^(?:ignored|agent:[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/,
      example: "agent:ci",
    },
  },
  vault: {
    endpoint: { isNeeded: true, pattern: ENDPOINT, example: "https://vault.example:8200" },
    path: { isNeeded: true, pattern: PATH, example: "database/creds/app" },
    value: {
      isNeeded: true,
      pattern: /^(?=.*\{[a-z][a-z0-9_]{0,63}\})[\x20-\x7e]{1,1000}$/,
      example: "'{username}:{password}'",
    },
    role: { pattern: /^[\x21-\x7e]{1,500}$/, example: "ROLE-ID" },
    namespace: { pattern: PATH, example: "team" },
  },
  "aws-sts": {
    region: {
      isNeeded: true,
      pattern: /^(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*$/,
      example: "eu-central-1",
    },
    endpoint: {
      isNeeded: true,
      pattern: ENDPOINT,
      example: "https://sts.eu-central-1.amazonaws.com",
    },
    value: {
      isNeeded: true,
      // No name in braces but those.
      pattern: new RegExp(
        `^(?=.{1,1000}$)(?=.*${STS_FIELD})(?:${STS_FIELD}|(?!\\{[a-z][a-z0-9_]{0,63}\\})[\\x20-\\x7e])+$`,
      ),
      example: "'{access_key_id}:{secret_access_key}:{session_token}'",
    },
    duration: { isNeeded: true, pattern: /^(?:9[0-9]{2}|[1-9][0-9]{3,5})$/, example: "900" },
    role: {
      pattern: /^arn:aws(?:-[a-z]{1,20}){0,3}:iam::[0-9]{12}:role\/[A-Za-z0-9_+=,.@/-]{1,576}$/,
      example: "arn:aws:iam::123456789012:role/agents",
    },
    session: { isOf: "role", pattern: /^[A-Za-z0-9_+=,.@-]{2,64}$/, example: "agents" },
    external: { isOf: "role", pattern: /^[A-Za-z0-9_+=,.@:/-]{2,1224}$/, example: "EXTERNAL-ID" },
  },
}

/** The kinds came one after the other: a reader that knows the first may not know the next. */
export function leaseFormat({ kind }: { readonly kind: string }): 8 | 9 {
  return kind === "github-app" ? 8 : 9
}

/** What is wrong with the lease of a record that fits its schema; undefined if nothing is. */
export function leaseProblem({
  lease,
}: {
  readonly lease?: Readonly<Record<string, string>>
}): string | undefined {
  if (lease === undefined) return undefined
  const { kind = "" } = lease
  const wrong = isLeaseKind(kind) ? wrongIn(kind, lease) : "kind"
  return wrong === undefined ? undefined : `/lease/${wrong} is not what such a lease has`
}

/** The name of a member that is not as it has to be, that lacks, or that there is not. */
export function wrongIn(
  kind: LeaseKind,
  lease: Readonly<Record<string, string>>,
): string | undefined {
  const members = LEASE_KINDS[kind]
  const wrong = Object.entries(members).find(([name, { pattern, isList, isNeeded }]) => {
    const text = Object.hasOwn(lease, name) ? lease[name] : undefined
    if (text === undefined) return isNeeded
    const items = isList === true ? text.split(",") : [text]
    const isOrdered = items.every((item, at) => at === 0 || (items[at - 1] ?? "") < item)
    const isFit = (item: string): boolean => pattern.test(item) && isReadable(name, item)
    return items.length > MOST_ITEMS || !isOrdered || !items.every(isFit)
  })
  const alone = Object.entries(members).find(
    ([name, { isOf = name }]) => Object.hasOwn(lease, name) && !Object.hasOwn(lease, isOf),
  )
  const stray = Object.keys(lease).find((name) => name !== "kind" && !Object.hasOwn(members, name))
  return wrong?.[0] ?? alone?.[1].isOf ?? stray
}

/** A port beyond 65535, say, makes an address one that nothing can ask, or tell people of. */
function isReadable(member: string, text: string): boolean {
  return !ADDRESSES.has(member) || URL.canParse(text)
}

/** Whether two records say the same of how a value is leased, or neither does. */
export function isSameLease(one: Lease | undefined, other: Lease | undefined): boolean {
  return textOf(one) === textOf(other)
}

export function isLeaseKind(kind: string): kind is LeaseKind {
  return Object.hasOwn(LEASE_KINDS, kind)
}

function textOf(lease: Lease | undefined): string {
  return JSON.stringify(Object.entries(lease ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
}
