import type { Sending } from "../../src/core/policy/sending.js"

/** A rule for a service of no one's, and a request that it lets go. */
export const RULE = {
  hosts: ["api.pay.test"],
  methods: ["GET"],
  paths: ["/v1/**"],
  at: ["header:authorization"],
  scheme: "bearer",
}
export const SENDING: Sending = {
  host: "api.pay.test",
  port: 443,
  method: "GET",
  path: "/v1/a",
  at: "header:authorization",
}
