import { VaultError } from "../words/errors.js"
import { nearest } from "../words/names.js"
import { GITHUB, LEASE_KINDS, type Lease, type LeaseKind, isLeaseKind, wrongIn } from "./lease.js"

/** What is taken where nothing is said. */
const DEFAULTS: Readonly<Record<LeaseKind, Readonly<Record<string, string>>>> = {
  "github-app": { endpoint: GITHUB },
  oauth: { auth: "basic" },
}

/**
 * The lease that a person wrote: its kind, and what else is said of it, `NAME=VALUE` each. Throws
 * `USAGE`.
 */
export function parseLease(kind: string, said: readonly string[]): Lease {
  if (!isLeaseKind(kind)) {
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

/** One line for people: `github-app 123/456 at api.github.com (contents:read)`. */
export function describeLease(lease: Lease): string {
  const what = `${lease.kind} ${whose(lease)} at ${lease.endpoint.replace("https://", "")}`
  const narrowed = narrowedBy(lease).filter(Boolean).join("; ")
  return narrowed === "" ? what : `${what} (${narrowed})`
}

function whose(lease: Lease): string {
  return lease.kind === "oauth" ? lease.client : `${lease.app}/${lease.installation}`
}

function narrowedBy(lease: Lease): readonly (string | undefined)[] {
  if (lease.kind === "github-app") return [lease.repositories, lease.permissions]
  const { scope, resource, successors, revoke } = lease
  const ended = revoke?.replace("https://", "ended at ")
  return [scope, resource, successors && `successors ${successors}`, ended]
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
