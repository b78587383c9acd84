/** What a policy is asked: may this value leave, by this door, for that? */
export interface PolicyQuestion {
  /** The agent's name. Owners are not asked about. */
  readonly agent: string
  /** The surface that the value leaves through, as the audit names it. */
  readonly door: string
  readonly secret: {
    /** `stripe/api-key` */
    readonly name: string
    readonly group: string
    /** As the signed record says; `allow` where it says nothing. */
    readonly reveal: string
    /** Each once, sorted. */
    readonly tags: readonly string[]
  }
  /** Where the broker would send it; empty texts for what is no request. */
  readonly request: {
    /** Without its port. */
    readonly host: string
    readonly method: string
    /** Canonical, without the query. */
    readonly path: string
  }
  /** What the caller says of itself. */
  readonly session: {
    /** The program that the value is for; empty where nobody said. */
    readonly client: string
    /** The folder that the caller works in; null where nobody said. */
    readonly project: string | null
  }
  readonly time: Date
}

/** What is no request. */
export const NO_REQUEST: PolicyQuestion["request"] = { host: "", method: "", path: "" }

/** What a policy says to a question, and which of its rules decided. */
export interface PolicyVerdict {
  readonly effect: "deny" | "confirm" | "allow"
  /** The rule's name; undefined where no rule holds, so that it is denied. */
  readonly rule?: string
  /** That the rule could not be decided, and why: so it is denied. */
  readonly error?: string
}

/** A policy that can be asked. */
export interface PolicyJudge {
  decide(question: PolicyQuestion): PolicyVerdict
}
