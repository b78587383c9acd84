/** A question to be answered with yes or no, in which everything is hostile that may be. */
export const TO_CHOOSE = {
  kind: "choice",
  who: "sh <img src=x onerror=alert(1)>, as the agent ci",
  what: "May stripe/api-key be sent?",
  secret: "stripe/api-key",
  request: {
    method: "POST",
    host: "api.stripe.test",
    path: '/v1/<script>alert(1)</script>"\u202e&',
    body: `sha256:${"0".repeat(64)}`,
  },
  yes: {
    once: "for this request alone",
    session: "for this method, host and path, with any query, until the run ends",
  },
  noMore: "no more questions about stripe/api-key",
} as const

/** A question for a value. */
export const TO_ENTER = {
  kind: "value",
  who: "Claude Code, as the agent ci",
  what: "What is the value of stripe/webhook?",
  secret: "stripe/webhook",
  why: "the deploy script of <b>shop</b> fails without it",
  leadsTo: "agent-vault stores it in this repository, sealed. The model does not see it.",
} as const
