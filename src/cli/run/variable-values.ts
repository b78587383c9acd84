import { type AgentVault, type SecretValue, VaultError } from "../../core/index.js"
import type { ProgramVariable } from "./selection.js"

/** Values by the names of their secrets. */
export type Values = Readonly<Record<string, SecretValue>>

/** Reads all values that variables need, before any of them is handed on. */
export async function readAll(
  vault: AgentVault,
  assignments: readonly ProgramVariable[],
): Promise<Values> {
  return vault.getMany(
    assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : [])),
  )
}

/** The value of a variable, which is text and has no zero byte: the system knows no others. */
export function textOf({ variable, value }: ProgramVariable, values: Values): string {
  if ("text" in value) return value.text
  const secret = values[value.secret]
  if (secret === undefined) throw new TypeError("every secret was read")
  try {
    const text = secret.reveal()
    if (!text.includes("\0")) return text
  } catch (error) {
    if (!VaultError.is(error, "VALUE_NOT_TEXT")) throw error
  }
  throw new VaultError(
    "VALUE_NOT_TEXT",
    `${value.secret} is binary, so it cannot be the variable ${variable}`,
    { hint: `let the program read it: agent-vault get ${value.secret}, or with the SDK` },
  )
}
