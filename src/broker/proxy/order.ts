import type { IncomingMessage } from "node:http"
import { nextTick } from "node:process"
import {
  type BoundSecrets,
  Moment,
  type ServedValue,
  type ServedVault,
  type Use,
  VaultError,
  askOf,
  isBound,
  isErrno,
  overwrite,
  secretsIn,
  type Target,
} from "../../core/index.js"
import type { Gate } from "../gate/gate.js"
import type { Passage } from "../gate/passage.js"
import type { LiveValues } from "../live/live-values.js"
import type { VaultValues } from "../live/vault-values.js"
import type { RequestHead } from "../placing/request-head.js"
import { tokenInQuery } from "../sign/in-session.js"
import { type Arrival, arrivalOf } from "./arrival.js"
import type { Agreements, AskedHow } from "./asking.js"
import { departureOf, send } from "./departure.js"
import type { GrantTerms, Granted } from "./granted.js"
import type { Hop } from "./listener.js"
import type { Notes, RequestNote } from "./notes.js"
import { OutgoingBody } from "./outgoing-body.js"
import { NO_PLACEMENTS, type Placements, allOf, findPlacements } from "./placements.js"
import { type WireRefusal, refusalOf } from "./refusal.js"
import type { Answered, Upstream } from "./upstream.js"
import type { WaitingProgram } from "./waiting-program.js"

/** What requests are decided and carried out with, during one run. */
export interface OrderTerms extends Pick<GrantTerms, "placeholders"> {
  readonly vault: ServedVault
  readonly gate: Gate
  readonly agreements: Agreements
  readonly upstream: Upstream
  readonly live: LiveValues
  readonly values: VaultValues
  readonly notes: Notes
}

/** The program that sent a request, at the other end of its connection. */
export interface Requester {
  readonly hop: Hop
  readonly request: IncomingMessage
  readonly protocol?: "websocket"
  /** Throws what speaks against a request of this kind. */
  readonly accept: (arrival: Arrival, terms: GrantTerms) => void
  /** Called before a body is read as a whole: the program may wait for a word. */
  readonly beforeBody: () => void
  /** Called with what the other side said before its answer. */
  readonly onContinue: () => void
  /** Hands on the answer, scrubbed. Resolves when it is complete; rejects if it is refused. */
  readonly pass: (answered: Answered, passage: Passage) => Promise<void>
  readonly refuse: (refusal: WireRefusal) => void
  readonly program: WaitingProgram
}

/**
 * One request, in order. Every step may refuse it, and what a step refuses no later one sees: only
 * for the last of them are there values. Resolves when the program has its answer, or is gone.
 */
export async function inOrder(client: Requester, terms: OrderTerms): Promise<void> {
  const { hop, request } = client
  const note = terms.notes.ofRequest(hop, request)
  let placements = NO_PLACEMENTS
  let passage: Passage | undefined
  let refusal: WireRefusal | undefined
  try {
    // Where it goes is what its connection said; nothing in it may say otherwise.
    const arrival = arrivalOf(hop, request)
    // What grants and rules say now, from which all of it is decided until there is a value.
    const now = untilWaiting()
    const bound = await terms.vault.bound(now)
    const deciding = { bound, placeholders: terms.placeholders }
    client.accept(arrival, deciding)
    // What the vault holds now is what is looked for.
    await terms.values.learn(now)
    // No value of the vault is in it that is not meant for that host.
    passage = terms.gate.towards(hop.target.host, boundTo(hop.target, bound))
    const gated = { ...arrival, head: passage.head(arrival.head) }
    const body = new OutgoingBody(gated, passage, client.beforeBody)
    // The placeholders, each once and at its place. Of each: grant, freshness and rule, anew.
    // Into plain HTTP nothing is ever put; what looks like a placeholder passes as it is.
    if (!hop.isPlain) placements = await findPlacements(gated, body, deciding)
    // The policy; and a person, where it or the rule says so.
    const asking = { client, bound, head: gated.head, body, note, agreements: terms.agreements }
    const agreed = await requireYes(placements, asking)
    // An address that was vetted, and proof of who is there.
    await terms.upstream.prepare(hop.target, hop.isPlain)
    const leaving = {
      ...(await body.leave()),
      isAwaited: body.isAwaited,
      protocol: client.protocol,
    }
    // All of it once more, by the very record that is read; the audit durable; then there are values.
    const values = await valuesFor(placements, agreed, note.number, terms, now)
    const departure = departureOf(leaving, placements, values, terms.live)
    const answered = await send(departure, client, passage, terms.upstream)
    note.result(namesIn(placements), answered.reply.statusCode)
    // Decoded, scrubbed, and streamed on.
    const { asked, presigned } = departure
    await client.pass({ ...answered, asked, presigned }, passage)
  } catch (error) {
    refusal = refusalOf(error)
    if (!isOfLeaving(error, client)) note.refused(refusal.error, namesIn(placements))
    client.refuse(refusal)
  } finally {
    if (passage !== undefined) note.gate(passage, refusal?.error)
  }
}

/**
 * Whether a request came to nothing because its program had hung up: nobody refused it. What somebody
 * decided stays a refusal, whether the program waits for it or not.
 */
function isOfLeaving(error: unknown, { program }: Requester): boolean {
  if (!program.isGone) return false
  return (
    VaultError.is(error, "UPSTREAM_UNREACHABLE") ||
    isErrno(error, "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE")
  )
}

/**
 * This moment, until anything is waited for: a body, a person, another machine, a file. What is asked
 * behind that is looked at anew.
 */
function untilWaiting(): Moment {
  const now = new Moment()
  nextTick(() => now.end())
  return now
}

/** The secrets that a rule lets go to a host: their values pass there. */
function boundTo({ host, port }: Target, bound: BoundSecrets): ReadonlySet<string> {
  const meant = [...bound].filter(([, { uses }]) => isBound(uses, host, port))
  return new Set(meant.map(([secret]) => secret))
}

function namesIn(placements: Placements): string[] {
  return [...new Set(allOf(placements).map(({ name }) => name.full))]
}

/** What a person is asked by whether values may be sent. */
interface PersonAsking extends Pick<OrderTerms, "agreements"> {
  readonly client: Requester
  readonly bound: BoundSecrets
  readonly head: RequestHead
  readonly body: OutgoingBody
  readonly note: RequestNote
}

/** Whose values a person agreed to send, and how often they were to be asked. */
async function requireYes(
  placements: Placements,
  { client, bound, head, body, note, agreements }: PersonAsking,
): Promise<ReadonlyMap<string, Use["ask"]>> {
  const agreed = new Map<string, Use["ask"]>()
  for (const { name, rule, sending } of allOf(placements)) {
    const ask = askOf(bound, name.full, rule, sending)
    // Once for all places of a request.
    if (ask === "never" || agreed.has(name.full)) continue
    const { method, path } = sending
    const asked = { secret: name.full, method, target: client.hop.target, path }
    const onAnswer: AskedHow["onAnswer"] = (answer) => note.asked(name.full, answer)
    await agreements.require(asked, {
      ask,
      body: await body.wholeIfSeen,
      query: head.target.slice(path.length),
      gone: client.program.signal(),
      onAnswer,
    })
    agreed.set(name.full, ask)
  }
  return agreed
}

async function valuesFor(
  placements: Placements,
  agreed: ReadonlyMap<string, Use["ask"]>,
  request: number,
  { vault, live }: OrderTerms,
  now: Moment,
): Promise<ReadonlyMap<Granted, ServedValue>> {
  const all = allOf(placements)
  if (all.length === 0) return new Map()
  const isAgreed = (secret: string, ask: Use["ask"]): boolean => agreed.get(secret) === ask
  const reads = await vault.send(all, { isAgreed, request }, now)
  // A value that was rotated meanwhile is new here, and must not come back either.
  for (const read of reads) {
    const inQuery = read.keys === undefined ? [] : [tokenInQuery(read.keys)]
    for (const secret of [...secretsIn(read), ...inQuery]) live.learn(read.name.full, secret)
  }
  const byName = new Map<string, ServedValue>()
  for (const read of reads) {
    if (byName.has(read.name.full)) overwrite([read])
    else byName.set(read.name.full, read)
  }
  return new Map(
    all.flatMap((granted) => {
      const read = byName.get(granted.name.full)
      return read === undefined ? [] : [[granted, read] as const]
    }),
  )
}
