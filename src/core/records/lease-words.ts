import { VaultError } from "../words/errors.js"
import { nearest } from "../words/names.js"
import {
  type AwsStsLease,
  GITHUB,
  type GitHubAppLease,
  LEASE_KINDS,
  type Lease,
  type LeaseKind,
  type OAuthLease,
  type VaultLease,
  isLeaseKind,
  wrongIn,
} from "./lease.js"

/** As AWS's programs take it of a `credential_process`. */
const CREDENTIALS =
  '{"Version":1,"AccessKeyId":"{access_key_id}","SecretAccessKey":"{secret_access_key}","SessionToken":"{session_token}","Expiration":"{expiration}"}'

/** What is taken where nothing is said. */
const DEFAULTS: Readonly<
  Record<LeaseKind, Readonly<Record<string, (said: Readonly<Record<string, string>>) => string>>>
> = {
  "github-app": { endpoint: () => GITHUB },
  oauth: { auth: () => "basic" },
  vault: {},
  "aws-sts": {
    endpoint: ({ region = "" }) =>
      `https://sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`,
    value: () => CREDENTIALS,
    duration: () => "3600",
  },
}

/**
 * The lease that a person wrote: its kind, and what else is said of it, `NAME=VALUE` each. Throws
 * `USAGE`.
 */
export function parseLease(kind: string, said: readonly string[]): Lease {
  if (!isLeaseKind(kind)) {
    throw new VaultError("USAGE", "this is not a kind of lease", {
      hint: `choose one of ${Object.keys(LEASE_KINDS).join(", ")}`,
    })
  }
  const lease: Record<string, string> = { kind }
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
  for (const [name, taken] of Object.entries(DEFAULTS[kind])) lease[name] ??= taken(lease)
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

/** A lease as a program writes it: what is taken where nothing is said may be left out. */
export type WrittenLease =
  | (Omit<GitHubAppLease, "endpoint"> & Partial<Pick<GitHubAppLease, "endpoint">>)
  | (Omit<OAuthLease, "auth"> & Partial<Pick<OAuthLease, "auth">>)
  | VaultLease
  | (Omit<AwsStsLease, "endpoint" | "value" | "duration"> &
      Partial<Pick<AwsStsLease, "endpoint" | "value" | "duration">>)

/** The same as {@link parseLease} for a program. Throws `USAGE`. */
export function leaseOf({ kind, ...said }: WrittenLease): Lease {
  const given = Object.entries(said).filter(([, text]) => text !== undefined)
  return parseLease(
    kind,
    given.map(([name, text]) => `${name}=${text}`),
  )
}

/** What people are told of each kind: whose it is, and what narrows it. */
const TOLD: {
  readonly [K in LeaseKind]: (
    lease: Extract<Lease, { kind: K }>,
  ) => readonly [whose: string, ...narrowed: (string | undefined)[]]
} = {
  "github-app": ({ app, installation, repositories, permissions }) => [
    `${app}/${installation}`,
    repositories,
    permissions,
  ],
  oauth: ({ client, scope, resource, successors, revoke }) => [
    client,
    scope,
    resource,
    successors && `successors ${successors}`,
    revoke?.replace("https://", "ended at "),
  ],
  vault: ({ path, value, role, namespace }) => [
    path,
    value,
    role && `role ${role}`,
    namespace && `namespace ${namespace}`,
  ],
  "aws-sts": ({ region, role, value, duration, session, external }) => [
    role ?? `its own user in ${region}`,
    value === CREDENTIALS ? undefined : value,
    `${duration} seconds`,
    session && `session ${session}`,
    external && `external id ${external}`,
  ],
}

/** One line for people: `github-app 123/456 at api.github.com (contents:read)`. */
export function describeLease(lease: Lease): string {
  const [whose, ...narrowed] = TOLD[lease.kind](lease as never)
  const what = `${lease.kind} ${whose} at ${lease.endpoint.replace("https://", "")}`
  const more = narrowed.filter(Boolean).join("; ")
  return more === "" ? what : `${what} (${more})`
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
