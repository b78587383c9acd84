import { VaultError } from "../words/errors.js"
import { nearest } from "../words/names.js"

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

/** That what is sealed is exchanged, where it is read, for a value that lives for a short time. */
export type Lease = GitHubAppLease

export type LeaseKind = Lease["kind"]

/** One thing that is said of a lease, `NAME=VALUE`. */
interface LeaseMember {
  readonly isNeeded?: true
  readonly pattern: RegExp
  /** Several, sorted, each once, a comma between them. */
  readonly isList?: true
  readonly example: string
}

/** An https address: a host, a port, a path. No user, no query, no fragment, no slash at the end. */
const ENDPOINT =
  /^(?=.{1,1000}$)https:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~-]+)*$/
const GITHUB = "https://api.github.com"
const MOST_ITEMS = 100

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
}
/** What is taken where nothing is said. */
const DEFAULTS: Readonly<Record<LeaseKind, Readonly<Record<string, string>>>> = {
  "github-app": { endpoint: GITHUB },
}

/**
 * The lease that a person wrote: its kind, and what else is said of it, `NAME=VALUE` each. Throws
 * `USAGE`.
 */
export function parseLease(kind: string, said: readonly string[]): Lease {
  if (!isKind(kind)) {
    throw new VaultError("USAGE", "this is no kind of lease", {
      hint: `choose one of ${Object.keys(LEASE_KINDS).join(", ")}`,
    })
  }
  const lease: Record<string, string> = { kind, ...DEFAULTS[kind] }
  const given = new Set<string>()
  for (const each of said) {
    const [, name = "", text = ""] = /^([a-z]{1,20})=(.*)$/s.exec(each) ?? []
    if (!Object.hasOwn(LEASE_KINDS[kind], name)) throw unreadable(kind, name)
    if (given.has(name)) {
      throw new VaultError("USAGE", `--with ${name}= is given twice`, { hint: formOf(kind) })
    }
    given.add(name)
    const isList = LEASE_KINDS[kind][name]?.isList === true
    lease[name] = isList ? [...new Set(text.split(","))].sort().join(",") : text
  }
  const wrong = wrongIn(kind, lease)
  if (wrong === undefined) return lease as unknown as Lease
  if (!given.has(wrong)) {
    throw new VaultError("USAGE", `a lease of ${kind} needs --with ${wrong}= as well`, {
      hint: formOf(kind),
    })
  }
  throw new VaultError("USAGE", `--with ${wrong}= is not what a lease of ${kind} has there`, {
    hint: `for example --with ${wrong}=${LEASE_KINDS[kind][wrong]?.example ?? ""}`,
  })
}

/** What is wrong with a lease in a record that fits its schema; undefined if nothing is. */
export function leaseProblem(
  lease: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (lease === undefined) return undefined
  const { kind = "" } = lease
  const wrong = isKind(kind) ? wrongIn(kind, lease) : "kind"
  return wrong === undefined ? undefined : `/lease/${wrong} is not what such a lease has`
}

/** The name of a member that is not as it has to be, that lacks, or that there is not. */
function wrongIn(kind: LeaseKind, lease: Readonly<Record<string, string>>): string | undefined {
  const members = LEASE_KINDS[kind]
  const wrong = Object.entries(members).find(([name, { pattern, isList, isNeeded }]) => {
    const text = Object.hasOwn(lease, name) ? lease[name] : undefined
    if (text === undefined) return isNeeded
    const items = isList === true ? text.split(",") : [text]
    const isOrdered = items.every((item, at) => at === 0 || (items[at - 1] ?? "") < item)
    const isFit = (item: string): boolean => pattern.test(item) && isReadable(name, item)
    return items.length > MOST_ITEMS || !isOrdered || !items.every(isFit)
  })
  const stray = Object.keys(lease).find((name) => name !== "kind" && !Object.hasOwn(members, name))
  return wrong?.[0] ?? stray
}

/** A port beyond 65535, say, makes an address one that nothing can ask, or tell people of. */
function isReadable(member: string, text: string): boolean {
  return member !== "endpoint" || URL.canParse(text)
}

/** Whether two records say the same of how a value is leased, or neither does. */
export function isSameLease(one: Lease | undefined, other: Lease | undefined): boolean {
  return textOf(one) === textOf(other)
}

/** One line for people: `github-app 123/456 at api.github.com (contents:read)`. */
export function describeLease(lease: Lease): string {
  const { kind, app, installation, endpoint, repositories, permissions } = lease
  const narrowed = [repositories, permissions].filter(Boolean).join("; ")
  const what = `${kind} ${app}/${installation} at ${endpoint.replace("https://", "")}`
  return narrowed === "" ? what : `${what} (${narrowed})`
}

function isKind(kind: string): kind is LeaseKind {
  return Object.hasOwn(LEASE_KINDS, kind)
}

function textOf(lease: Lease | undefined): string {
  return JSON.stringify(Object.entries(lease ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The refusal of what no such lease has. What is not a name could be a value: it is not repeated. */
function unreadable(kind: LeaseKind, name: string): VaultError {
  if (name === "") {
    return new VaultError("USAGE", "--with takes NAME=VALUE", { hint: formOf(kind) })
  }
  const near = nearest(name, Object.keys(LEASE_KINDS[kind]))
  return new VaultError("USAGE", `a lease of ${kind} has no --with ${name}=`, {
    hint: near === undefined ? formOf(kind) : `did you mean --with ${near}=?`,
  })
}

/** How such a lease is written. */
function formOf(kind: LeaseKind): string {
  const forms = Object.entries(LEASE_KINDS[kind]).map(([name, { isNeeded, example }]) =>
    isNeeded && !Object.hasOwn(DEFAULTS[kind], name)
      ? `--with ${name}=${example}`
      : `[--with ${name}=${example}]`,
  )
  return `write --lease ${kind} ${forms.join(" ")}`
}
