import { type KeyObject, createPrivateKey, sign } from "node:crypto"
import type { GitHubAppLease } from "../records/lease.js"
import { fieldOf } from "../sources/field-of.js"
import { type IssuedValue, IssuerFailure, type LeaseIssuer } from "./lease-issuer.js"

/** GitHub lets clocks differ so much, and a JWT live no longer than ten minutes. In seconds. */
const BACKDATED = 60
const LIVES = 540

const HEADERS = {
  Accept: "application/vnd.github+json",
  "X-GitHub-Api-Version": "2022-11-28",
  "User-Agent": "agent-vault",
}

/**
 * Tokens of a GitHub App's installation, an hour each. The app's key signs a JWT (RFC 7519, RS256),
 * which buys the token, and never leaves
 * (https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app).
 */
export const GITHUB_APP: LeaseIssuer<GitHubAppLease> = {
  mend: "look whether the app is installed there, and whether its key is the one that is sealed",
  requireFit: (_lease, sealed) => void keyIn(sealed),
  async issue(lease, sealed, { ask, now }) {
    const { endpoint, installation, repositories, permissions } = lease
    const body = {
      ...(repositories && { repositories: repositories.split(",") }),
      ...(permissions && { permissions: Object.fromEntries(permissions.split(",").map(pairOf)) }),
    }
    const { status, body: said } = await ask({
      method: "POST",
      endpoint,
      path: `/app/installations/${installation}/access_tokens`,
      headers: {
        ...HEADERS,
        Authorization: `Bearer ${jwtOf(lease, sealed, now)}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify(body),
    })
    if (status !== 201) throw new IssuerFailure(`it answers ${status}`)
    return tokenIn(said, endpoint)
  },
}

/**
 * A token, and its end
 * (https://docs.github.com/en/rest/apps/installations#revoke-an-installation-access-token).
 */
function tokenIn(said: Buffer, endpoint: string): IssuedValue {
  const [token, until] = ["token", "expires_at"].map((name) => fieldOf(said, [name])?.toString())
  if (token === undefined || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new IssuerFailure("it answers without a token")
  }
  const ends = new Date(until ?? "")
  if (Number.isNaN(ends.getTime())) {
    throw new IssuerFailure("it does not say when its token ends")
  }
  return {
    value: Buffer.from(token),
    until: ends,
    end: async ({ ask }) => {
      const headers = { ...HEADERS, Authorization: `Bearer ${token}` }
      const ending = { method: "DELETE", endpoint, path: "/installation/token", headers } as const
      const { status } = await ask(ending)
      if (status !== 204) throw new IssuerFailure(`it answers ${status}`)
    },
  }
}

function jwtOf({ app }: GitHubAppLease, sealed: Uint8Array, now: Date): string {
  const seconds = Math.floor(now.getTime() / 1000)
  const claims = { iat: seconds - BACKDATED, exp: seconds + LIVES, iss: app }
  const text = [{ alg: "RS256", typ: "JWT" }, claims].map(encoded).join(".")
  const signature = sign("sha256", Buffer.from(text), keyIn(sealed))
  return `${text}.${signature.toString("base64url")}`
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url")
}

/** What is said of what is no key would quote it. */
function keyIn(sealed: Uint8Array): KeyObject {
  let key: KeyObject | undefined
  try {
    key = createPrivateKey(Buffer.from(sealed))
  } catch {
    key = undefined
  }
  if (key?.asymmetricKeyType === "rsa") return key
  throw new IssuerFailure(
    "what is sealed is not an RSA private key in PEM without a passphrase",
    "an owner seals the file that GitHub made: agent-vault set GROUP/NAME --from-file FILE",
  )
}

function pairOf(permission: string): readonly [string, string] {
  const [name = "", access = ""] = permission.split(":")
  return [name, access]
}
