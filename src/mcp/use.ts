import { variableName, type SecretListing } from "../core/index.js"

/** How to use a secret without seeing it. */
export interface Use {
  /** A line for a shell; `<command>` is to be replaced. */
  readonly command: string
  /** The environment variable that holds the value in that command. */
  readonly env: string
}

/** `runAs` is how such a line begins: `agent-vault run --agent ci`. */
export function useOf(secret: Pick<SecretListing, "name" | "env">, runAs: string): Use {
  return { command: `${runAs} -s ${secret.name} -- <command>`, env: variableName(secret) }
}

/** What an owner would type to open a group to an agent. */
export function grantLine(agent: string | undefined, group: string): string {
  return `agent-vault grant ${agent ?? "AGENT"} ${group}`
}
