import type { IncomingMessage } from "node:http"
import { isIP } from "node:net"
import { isSame } from "../page/loopback-server.js"

/** Why a request is not answered. Its text quotes nothing of it. */
export interface NotAdmitted {
  readonly status: number
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Where the protocol is spoken. */
export const PATH = "/mcp"

const METHODS = ["POST", "GET", "DELETE"]

/** What a container calls this machine: no name that a web site could have. */
const NAMES: ReadonlySet<string> = new Set([
  "localhost",
  "host.docker.internal",
  "host.containers.internal",
])

/** Decides who is let in: the one who shows the token, and no page of a web site. */
export class Admission {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  /** Why a request is refused, by its head alone; undefined where it is not. */
  refusalOf({ method = "", url = "", headers }: IncomingMessage): NotAdmitted | undefined {
    if (!isOwnName(headers.host)) {
      return { status: 403, message: "this server does not answer under that name (Host)" }
    }
    if (headers.origin !== undefined && !isLocalOrigin(headers.origin)) {
      return { status: 403, message: "this server does not answer pages of that site (Origin)" }
    }
    if (url.split("?", 1)[0] !== PATH) {
      return { status: 404, message: `the protocol is spoken at ${PATH}` }
    }
    if (!this.#isShown(headers.authorization)) {
      return {
        status: 401,
        message: "the request does not show the token of this server: agent-vault mcp env",
        headers: { "WWW-Authenticate": "Bearer" },
      }
    }
    if (METHODS.includes(method)) return undefined
    return { status: 405, message: "POST, GET or DELETE", headers: { Allow: METHODS.join(", ") } }
  }

  #isShown(header = ""): boolean {
    const [, token = ""] = /^bearer +([\w-]+) *$/i.exec(header) ?? []
    return isSame(token, this.#token)
  }
}

/** A site whose name leads here (DNS rebinding) has a name. An address is only ever itself. */
function isOwnName(host = ""): boolean {
  const [, name = ""] = /^(\[[0-9a-f:.]+\]|[^:]+)(?::\d{1,5})?$/i.exec(host) ?? []
  return NAMES.has(name.toLowerCase()) || isIP(name.replace(/^\[|\]$/g, "")) !== 0
}

function isLocalOrigin(origin: string): boolean {
  return /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(origin)
}
