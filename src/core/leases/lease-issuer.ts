import type { Lease } from "../records/lease.js"
import type { Succession } from "./succession.js"

/** A request to whoever issues short-lived values. */
export interface IssuerRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** As the signed record has it. */
  readonly endpoint: string
  /** From there on, `/app/installations/1/access_tokens`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What came back: the status, and the text of its body. */
export interface IssuerReply {
  readonly status: number
  readonly body: Buffer
}

/** Who reads a leased secret, by which key, in a vault of which owners. */
export interface LeaseReader {
  readonly role: "agent" | "owner"
  readonly name: string
  readonly identity: string
  readonly recipient: string
  /** The owners' recipients. */
  readonly owners: readonly string[]
}

/** What an issuer may use of the machine. */
export interface IssuerAccess {
  /** Sends one request there, while somebody waits. Rejects with an {@link IssuerFailure}. */
  readonly ask: (request: IssuerRequest) => Promise<IssuerReply>
  /** The same, for an answer that has to be kept though nobody waits any more. */
  readonly askThrough: (request: IssuerRequest) => Promise<IssuerReply>
  /** Ends what came and does not leave, if there is a way, with its line in the audit. Never rejects. */
  readonly discard: (end: IssuedValue["end"]) => Promise<void>
  readonly now: Date
  readonly reader: LeaseReader
  readonly succession: Succession
}

/** Keys of AWS that live for a short time: what signs, in whose name, and what is shown beside. */
export interface SessionKeys {
  /** The id of the access key, which is public. */
  readonly id: string
  readonly secret: Uint8Array
  readonly token: Uint8Array
}

/** A short-lived value. */
export interface IssuedValue {
  readonly value: Buffer
  /** What it is a text of, where that signs requests. */
  readonly keys?: SessionKeys
  /** When it ends by itself. */
  readonly until: Date
  /** Ends it before; absent where its issuer has no way. Rejects with an {@link IssuerFailure}. */
  readonly end?: (access: Pick<IssuerAccess, "ask">) => Promise<void>
}

/** Who exchanges a sealed value for a short-lived one: one file for each kind of lease. */
export interface LeaseIssuer<L extends Lease> {
  /** What an owner looks at where it is refused. */
  readonly mend: string
  /** Throws an {@link IssuerFailure} for what it can see is not what it takes. */
  readonly requireFit: (lease: L, sealed: Uint8Array) => void
  /** Rejects with an {@link IssuerFailure}. */
  readonly issue: (lease: L, sealed: Uint8Array, access: IssuerAccess) => Promise<IssuedValue>
}

/** Why there is no short-lived value, in words that quote nothing that an issuer said. */
export class IssuerFailure extends Error {
  /** What mends this very failure; absent: what its issuer says of all of them. */
  readonly mend: string | undefined

  constructor(message: string, mend?: string) {
    super(message)
    this.mend = mend
  }
}
