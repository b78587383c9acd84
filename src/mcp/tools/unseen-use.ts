import { variableName, type SecretListing } from "../../core/index.js"
import type { RunLine, Serving } from "../../serving/serving.js"

/** How to use a secret without seeing it. */
export interface UnseenUse {
  /** A line for a shell; `<command>` is to be replaced. */
  readonly command: string
  /** The environment variable that holds the value, or its placeholder, in that command. */
  readonly env: string
  /** The environment variables that the shell must have, as this server has them; absent if none. */
  readonly needs?: readonly string[]
}

/** From a server that shows no value, a program holds none either, where a rule makes that do. */
export function useOf(
  secret: Pick<SecretListing, "name" | "env" | "use">,
  { line, needs }: RunLine,
  { blind }: Pick<Serving, "blind">,
): UnseenUse {
  const options = blind && secret.use !== undefined ? "--blind " : ""
  return {
    command: `${line} ${options}-s ${secret.name} -- <command>`,
    env: variableName(secret),
    ...(needs.length === 0 ? {} : { needs }),
  }
}

/** What an owner would type to open a group to an agent. */
export function grantLine(agent: string | undefined, group: string): string {
  return `agent-vault grant ${agent ?? "AGENT"} ${group}`
}
