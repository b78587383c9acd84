import { TEXT } from "../calls/tool.js"

export const POLICY_SCHEMA = {
  ...TEXT,
  description: "that the vault has a policy, which decides as well; absent: it has none",
}

/** That there is a policy, for a model: what is granted may be refused all the same. */
export function policyText(agent: string | undefined): string {
  return `a policy decides as well: what is readable may be refused with POLICY_REFUSED; why, a person sees with: agent-vault policy explain GROUP/NAME --agent ${agent ?? "AGENT"}`
}
