import type { Use } from "../records/use.js"
import { VaultError } from "../words/errors.js"
import { parseUseHost } from "../records/use-host.js"
import { type Sending, isBound, ruleFor, whyNoRule } from "./sending.js"

/** A request that somebody asks about. */
export type AskedRequest = Omit<Sending, "at">

/** A secret that goes with a request, or would from there. */
export interface Going {
  readonly secret: string
  /** Which of its rules lets it, counted from 1. */
  readonly number: number
  readonly rule: Use
}

/** What the broker would do with a request. */
export interface Explanation {
  readonly goes: readonly Going[]
  /** The secrets whose rules name the host, and that do not go; why, and the command that mends it. */
  readonly stays: readonly {
    readonly secret: string
    readonly message: string
    readonly hint?: string
  }[]
}

/**
 * The request that a method and a URL name, of any case. The path is as it is written: what a client
 * makes of `..` is not known. Throws `USAGE` for a URL that is not https, and `USE_REFUSED` as
 * `ruleFor` does.
 */
export function parseRequest(method: string, text: string): AskedRequest {
  const [, authority = "", path = ""] = /^https:\/\/([^/?#\\]+)([^?#]*)/i.exec(text) ?? []
  const url = authority === "" ? undefined : tried(() => new URL(`https://${authority}/`))
  if (url === undefined || url.username !== "" || url.password !== "") throw noUrl()
  const host = tried(() => parseUseHost(url.hostname.replace(/\.$/, "")))
  if (host === undefined || !/^[A-Za-z-]+$/.test(method)) throw noUrl()
  return {
    host,
    port: Number(url.port || 443),
    method: method.toUpperCase(),
    path: path === "" ? "/" : path,
  }
}

function tried<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function noUrl(): VaultError {
  return new VaultError("USAGE", "that is not a method and a URL that a secret can go with", {
    hint: "agent-vault explain GET https://api.example.com/v1/items; only https carries secrets, and no user is in it",
  })
}

/**
 * Which secrets go with a request, at each place that their rules name, and which do not. Throws
 * `USE_REFUSED` for a path that could mean two things.
 */
export function explainRequest(
  secrets: readonly { readonly name: string; readonly use?: readonly Use[] }[],
  request: AskedRequest,
): Explanation {
  const bound = secrets.flatMap(({ name, use = [] }) =>
    isBound(use, request.host, request.port) ? [{ name, use }] : [],
  )
  const all = bound.map(({ name, use }) => {
    const places = new Set(use.flatMap(({ at }) => at))
    const rules = new Set([...places].flatMap((at) => ruleFor(use, { ...request, at }) ?? []))
    const goes = [...rules].map((rule) => ({ secret: name, number: use.indexOf(rule) + 1, rule }))
    return { name, use, goes }
  })
  return {
    goes: all.flatMap(({ goes }) => goes),
    stays: all.flatMap(({ name, use, goes }) => {
      if (goes.length > 0) return []
      const at = nearestPlace(use, request)
      const { message, hint } = whyNoRule(name, use, { ...request, at })
      return [{ secret: name, message, ...(hint === undefined ? {} : { hint }) }]
    }),
  }
}

/** The place of the rule that names the host, since all of its others were looked at. */
function nearestPlace(use: readonly Use[], { host, port }: AskedRequest): Sending["at"] {
  const rule = use.find((each) => isBound([each], host, port))
  return rule?.at[0] ?? "header:authorization"
}
