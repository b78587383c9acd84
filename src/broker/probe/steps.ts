import { type ClientKind, hintOf, kindsOf } from "./client-kinds.js"
import type { Looked, TrialStep } from "../../serving/blind-program.js"
import type { Sightings } from "./sightings.js"
import { alertInWords } from "../proxy/distrust.js"

/** What a client has to do to use a secret through the broker, in this order. */
const STEPS = ["proxy", "token", "host", "authority", "placeholder", "value", "reply"] as const

/** What the sightings are judged by. */
interface JudgeTerms {
  /** `probe.localhost:PORT` */
  readonly host: string
  /** The client, as it was started. */
  readonly command: readonly string[]
  /** Whether it had a network of its own, in which the broker alone can be reached. */
  readonly isIsolated: boolean
}

type Seen = Readonly<
  Pick<
    Sightings,
    | "connections"
    | "clients"
    | "admittedTo"
    | "refusals"
    | "trusts"
    | "distrusts"
    | "placed"
    | "arrived"
    | "answers"
    | "pastBroker"
  >
>
type Judge = (seen: Seen, terms: JudgeTerms, kinds: readonly ClientKind[]) => Looked

/** Judges what was seen, step by step; behind one that went wrong, what did not happen is unknown. */
export function stepsOf(seen: Seen, terms: JudgeTerms): readonly TrialStep[] {
  const kinds = kindsOf(terms.command, seen.clients)
  let isLost = false
  return STEPS.map((step) => {
    const told = JUDGES[step](seen, terms, kinds)
    const isNotReached = isLost && told.is === "wrong"
    isLost ||= told.is === "wrong"
    return isNotReached ? { step, is: "unknown", saw: "not reached" } : { step, ...told }
  })
}

const JUDGES: Readonly<Record<(typeof STEPS)[number], Judge>> = {
  proxy: judgeProxy,
  token: judgeToken,
  host: judgeHost,
  authority: judgeAuthority,
  placeholder: judgePlaceholder,
  value: judgeValue,
  reply: judgeReply,
}

function judgeProxy(
  { connections, clients, pastBroker }: Seen,
  { isIsolated }: JudgeTerms,
  kinds: readonly ClientKind[],
): Looked {
  const mend = hintOf(kinds, "follows")
  if (pastBroker > 0) {
    const also = "it came, and went round the broker as well"
    return wrong(connections > 0 ? also : "it went round the broker, to the service itself", mend)
  }
  if (connections === 0) {
    const round = isIsolated ? "went round, where nothing can be reached" : "went round"
    const saw = `nothing came to the broker: it made no request, or ${round}`
    return wrong(saw, `${REQUEST}. If it does, ${mend}`)
  }
  const named = [...clients].join(", ")
  return good(named === "" ? "it came" : `it came, as ${named}`)
}

function judgeToken(
  { connections, admittedTo, refusals }: Seen,
  { isIsolated }: JudgeTerms,
  kinds: readonly ClientKind[],
): Looked {
  // Whose target was looked at has shown the token.
  if (admittedTo.size > 0 || isAmong(refusals, "TARGET_REFUSED")) {
    return good(isIsolated ? "none is asked for: nobody else can connect" : "it showed it")
  }
  if (isAmong(refusals, "PROXY_TOKEN_WRONG")) {
    const known = kinds.find(({ token }) => token !== undefined)?.token
    return wrong("it came without it", known ?? WHOLE_ADDRESS)
  }
  if (refusals.length > 0) return wrong("what it sent is not for a proxy of HTTP", PLAIN_PROXY)
  return wrong(connections > 0 ? "it connected, and asked for nothing" : NOTHING, REQUEST)
}

function judgeHost({ admittedTo, refusals }: Seen, { host }: JudgeTerms): Looked {
  const others = refusals.flatMap(({ code, to }) =>
    code === "TARGET_REFUSED" && to !== undefined && to !== host ? [to] : [],
  )
  const named = [...new Set(others)].join(", ")
  if (admittedTo.has(host)) {
    const also = named === "" ? "" : `; for ${named} too, which a probe refuses`
    return good(`it asked for ${host}${also}`)
  }
  if (named !== "") return wrong(`it asked for ${named}, and not for the probe`, IN_PLACE)
  return wrong(
    "it asked for the probe in plain HTTP",
    "every service is https://: take {url} as it is",
  )
}

function judgeAuthority(
  { trusts, distrusts }: Seen,
  _terms: JudgeTerms,
  kinds: readonly ClientKind[],
): Looked {
  const alerts = new Set(distrusts.filter((alert) => alert !== undefined))
  if (trusts > 0 && alerts.size === 0) return good("it trusts the authority of the run")
  const said = [...alerts].map(alertInWords).join(", ")
  const how = said === "" ? "it hung up in the handshake" : `it ended the handshake: ${said}`
  const some = `some of its connections do not trust it: ${how}`
  return wrong(trusts > 0 ? some : how, hintOf(kinds, "trusts"))
}

function judgePlaceholder({ placed, refusals, arrived, trusts }: Seen): Looked {
  const [taken] = placed
  if (taken !== undefined) return good(`it is in ${taken.at}, as ${taken.scheme}`)
  if (isAmong(refusals, "USE_REFUSED")) {
    return wrong("it is at a place where no rule of the probe takes it", SEND)
  }
  if (isAmong(refusals, "PLACEHOLDER_REFUSED")) return wrong("it is there twice, or changed", SEND)
  const codes = codesOf(refusals.filter(({ code }) => code !== "PROXY_TOKEN_WRONG"))
  if (trusts > 0 && codes !== "") return wrong(`the request was refused: ${codes}`, CODES)
  if (arrived.some(({ holds }) => holds === "placeholder")) {
    return wrong("it is in the body, where it is merely quoted", SEND)
  }
  if (arrived.length > 0) return wrong("the request is without it", SEND)
  return wrong(trusts > 0 ? "no request came" : NOTHING, REQUEST)
}

function judgeValue({ arrived, refusals }: Seen): Looked {
  if (arrived.some(({ holds }) => holds === "value")) return good("the service got the value")
  const codes = codesOf(refusals)
  const missing = "the service did not get it"
  return wrong(codes === "" ? missing : `${missing}: ${codes}`, CODES)
}

function judgeReply({ answers }: Seen): Looked {
  const isDone = answers.some(({ status, isWhole }) => status === 200 && isWhole)
  if (isDone) return good("it has the whole reply")
  const [first] = answers
  if (first === undefined) return wrong("it did not wait for the reply", WAIT)
  const part = first.isWhole ? "" : "a part of "
  return wrong(`it has ${part}a reply with the status ${first.status}`, WAIT)
}

const NOTHING = "nothing came"
const REQUEST = "It is to make a request to {url}, or $PROBE_URL"
const WHOLE_ADDRESS =
  "give it the address of the proxy whole, as HTTPS_PROXY has it: the token is its password"
const PLAIN_PROXY = "give it the proxy as http://, not https:// or socks://"
const IN_PLACE = "give it the probe in place of its service: {url} in its arguments, or $PROBE_URL"
const SEND =
  "send it where services want it, for example: Authorization: Bearer {key}, or $PROBE_KEY"
const WAIT = "let it wait for the reply, and read all of it"
const CODES = "docs/errors.md says what the code means"

function isAmong(refusals: Seen["refusals"], code: string): boolean {
  return refusals.some((refusal) => refusal.code === code)
}

function codesOf(refusals: Seen["refusals"]): string {
  return [...new Set(refusals.map(({ code }) => code))].join(", ")
}

function good(saw: string): Looked {
  return { is: "good", saw }
}

function wrong(saw: string, mend: string): Looked {
  return { is: "wrong", saw, mend }
}
