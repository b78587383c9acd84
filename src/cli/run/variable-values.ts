import { type Outlet, type SecretValue, VaultError } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { type Reading, readForAgent } from "../door/reading.js"
import { type ProgramVariable, type Selection, assign } from "./selection.js"

/** Values by the names of their secrets. */
export type Values = Readonly<Record<string, SecretValue>>

/** Variables, and the values of their secrets. */
export interface AssignedValues {
  readonly assignments: readonly ProgramVariable[]
  readonly values: Values
}

/** Reads all values that a selection needs, in one pass, before any of them is handed on. */
export async function readSelected(
  door: Door,
  selection: Selection,
  outlet: Outlet,
  reading: Reading,
): Promise<AssignedValues> {
  let assignments: readonly ProgramVariable[] = []
  const values = await readForAgent(door, outlet, reading, async (listings) => {
    assignments = await assign(listings, selection)
    return assignments.flatMap(({ value }) => ("secret" in value ? [value.secret] : []))
  })
  return { assignments, values }
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
