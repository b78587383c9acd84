import { createHash } from "node:crypto"
import type { ServerResponse } from "node:http"
import { proveSigV4, readSigV4 } from "../../../src/broker/sign/sigv4.js"
import { type Asked, LeaseServer } from "./lease-server.js"

/** Long-lived keys of a user, made at run time: scanners object to what looks like one. */
export const KEY_ID = "AKIA".padEnd(20, "TESTKEY0")
export const SECRET = "not/a/real/secret/access/key".padEnd(40, "0")
export const ROLE = "arn:aws:iam::123456789012:role/agents"

/** What a lease has: `+`, `/` and `=` are in what STS gives. */
export const GIVEN = {
  AccessKeyId: "ASIA".padEnd(20, "TESTKEY0"),
  SecretAccessKey: "not/a/real+secret=",
  SessionToken: "not//a/real+session/token==",
}

/**
 * A server on loopback that answers as AWS STS does, by its documentation. Signatures are verified by
 * the broker's reader of them, which AWS's own suite is held against, and not by what made them.
 */
export class SessionServer extends LeaseServer {
  /** What was asked for, each as its form. */
  readonly forms: Readonly<Record<string, string>>[] = []
  #region = ""

  static start(): Promise<SessionServer> {
    return new SessionServer().listen()
  }

  override forget(): void {
    super.forget()
    this.forms.length = 0
  }

  /** The region whose signatures are taken. */
  set region(region: string) {
    this.#region = region
  }

  protected answer(asked: Asked, response: ServerResponse): void {
    const refused = this.#refusalOf(asked)
    if (refused !== undefined) return sendError(response, ...refused)
    const form = Object.fromEntries(new URLSearchParams(asked.body))
    this.forms.push(form)
    const { Action: action, DurationSeconds: seconds, RoleArn: role = ROLE } = form
    if (role !== ROLE) return sendError(response, 403, "AccessDenied")
    const until = new Date(Date.now() + Number(seconds) * 1000)
    sendXml(response, 200, sessionOf(action ?? "", { ...GIVEN, Expiration: until.toISOString() }))
  }

  #refusalOf({ line, body, headers }: Asked): [number, string] | undefined {
    const [method = "", path = ""] = line.split(" ")
    const request = {
      method,
      path,
      query: "",
      headers: Object.entries(headers).map(([name, text]) => [name, String(text)] as const),
      bodyDigest: createHash("sha256").update(body).digest("hex"),
    }
    const sigV4 = readSigV4(request)
    if (sigV4 === undefined) return [403, "MissingAuthenticationToken"]
    if (sigV4.accessKey !== KEY_ID) return [403, "InvalidClientTokenId"]
    const at = sigV4.time.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z")
    const isLate = Math.abs(Date.now() - Date.parse(at)) > 300_000
    const isOfThis = sigV4.scope.endsWith(`/${this.#region}/sts/aws4_request`)
    const isProven = isOfThis && proveSigV4(sigV4, request, SECRET) !== undefined
    return isProven && !isLate ? undefined : [403, "SignatureDoesNotMatch"]
  }
}

export function sessionOf(action: string, fields: Readonly<Record<string, string>>): string {
  const tags = Object.entries(fields).map(([name, text]) => `      <${name}>${text}</${name}>\n`)
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <${action}Result>
    <Credentials>
${tags.join("")}    </Credentials>
  </${action}Result>
</${action}Response>`
}

export function sendXml(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/xml" }).end(text)
}

export function sendError(response: ServerResponse, status: number, code: string, said = ""): void {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${said}</Message></Error>`
  sendXml(response, status, `<ErrorResponse>${error}</ErrorResponse>`)
}
