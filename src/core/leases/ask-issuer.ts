import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http"
import type { AuditFacts } from "../audit/audit-line.js"
import type { Environment } from "../disk/homes.js"
import { dialTls } from "../target/dial.js"
import { readRoots, upstreamContext } from "../target/roots.js"
import { parseAuthority } from "../target/target.js"
import { ownAddresses, resolveAll, vet } from "../target/vet.js"
import { VaultError } from "../words/errors.js"
import { type IssuerReply, type IssuerRequest, IssuerFailure } from "./lease-issuer.js"

/** How long an issuer may take for all of a request, in ms. */
const PATIENCE_MS = 20_000
/** Bytes of a reply. */
const LONGEST_REPLY = 64 * 1024
/** What is looked at where nothing, or no whole answer, came from there. */
const UNREACHED =
  "look whether it is up, and whether this machine may connect to it; then try again"

/** Where an issuer is asked from. */
export interface IssuerTerms {
  readonly env: Environment
  /** Aborted when nobody waits any more. */
  readonly ended?: AbortSignal | undefined
  /** In ms. */
  readonly patience?: number | undefined
}

/**
 * Sends a request to an issuer, over TLS that proves to be the endpoint's, to an address that was
 * vetted: the signed record names this very host, as a `use` does. A redirect is an answer like any
 * other, and nobody follows it. Rejects with an {@link IssuerFailure}, which quotes nothing.
 */
export async function askIssuer(
  request: IssuerRequest,
  { env, ended, patience = PATIENCE_MS }: IssuerTerms,
): Promise<IssuerReply> {
  const timeout = AbortSignal.timeout(patience)
  const signal = ended === undefined ? timeout : AbortSignal.any([timeout, ended])
  let given: ClientRequest | undefined
  const asking = reply(request, env, signal, (sent) => (given = sent))
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => {
      given?.destroy()
      const why = timeout.aborted ? "it does not answer in time" : "nobody waits"
      reject(new IssuerFailure(why, UNREACHED))
    }
    if (signal.aborted) stop()
    else signal.addEventListener("abort", stop, { once: true })
  })
  try {
    return await Promise.race([asking, stopped])
  } catch (error) {
    asking.catch(() => undefined)
    if (error instanceof IssuerFailure) throw error
    throw failureOf(error)
  } finally {
    stopped.catch(() => undefined)
  }
}

/** Who is asked at an address, for the audit. */
export function whereAsked(endpoint: string): Pick<AuditFacts, "host" | "port"> {
  const { hostname, port } = new URL(endpoint)
  return { host: hostname, port: Number(port || 443) }
}

async function reply(
  { method, endpoint, path, headers, body = "" }: IssuerRequest,
  env: Environment,
  signal: AbortSignal,
  onSent: (sent: ClientRequest) => void,
): Promise<IssuerReply> {
  const url = new URL(endpoint)
  const target = parseAuthority(url.host, 443)
  const vetted = await vet(target, { resolve: resolveAll, ownAddresses, isNamed: () => true })
  signal.throwIfAborted()
  const socket = await dialTls(vetted, upstreamContext(readRoots(env)))
  if (signal.aborted) socket.destroy()
  const sent = httpRequest({
    createConnection: () => socket,
    method,
    path: `${url.pathname === "/" ? "" : url.pathname}${path}` || "/",
    headers: {
      Host: url.host,
      ...headers,
      "Accept-Encoding": "identity",
      "Content-Length": String(Buffer.byteLength(body)),
      Connection: "close",
    },
  })
  onSent(sent)
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once("error", reject)
      sent.once("response", resolve)
      // Also where Node says no more than that: another protocol was switched to, and nobody listens.
      sent.once("close", () => reject(new IssuerFailure("the connection broke", UNREACHED)))
      sent.end(body)
    })
    return { status: answer.statusCode ?? 0, body: await bodyOf(answer) }
  } finally {
    socket.destroy()
  }
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of answer as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > LONGEST_REPLY) throw new IssuerFailure("its answer is too large")
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** Our own errors name the host; of others the code alone: a message may quote what came. */
function failureOf(error: unknown): IssuerFailure {
  if (VaultError.is(error)) {
    const { code, message, hint } = error
    return new IssuerFailure(message, code === "UPSTREAM_UNREACHABLE" ? UNREACHED : hint)
  }
  const what = error instanceof Error && "code" in error ? ` (${String(error.code)})` : ""
  return new IssuerFailure(`the connection broke${what}`, UNREACHED)
}
