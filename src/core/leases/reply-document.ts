import { IssuerFailure, type IssuerReply } from "./lease-issuer.js"

/** What an issuer answers as JSON, which nobody has checked yet. */
export type ReplyDocument = Readonly<Record<string, unknown>>

/** The members of an answer; none, where it is no object. What is said of text that is no JSON would quote it. */
export function documentIn({ body }: Pick<IssuerReply, "body">): ReplyDocument {
  try {
    const said: unknown = JSON.parse(body.toString("utf8"))
    return typeof said === "object" && said !== null ? (said as ReplyDocument) : {}
  } catch {
    return {}
  }
}

/** When what came ends, by a number of seconds in an answer. Throws an {@link IssuerFailure}. */
export function endAfter(seconds: unknown, now: Date): Date {
  if (!/^[1-9][0-9]{0,8}$/.test(String(seconds))) {
    throw new IssuerFailure("it does not say when what it gives ends")
  }
  return new Date(now.getTime() + Number(seconds) * 1000)
}
