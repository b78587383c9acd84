import { wrong } from "../calls/arguments.js"
import type { ShownValues } from "../calls/shown-values.js"

/** A reason in one line, harmless and without the values that this session showed. Throws `USAGE`. */
export function reasonOf(why: string | undefined, seen: ShownValues): string {
  const line = seen.clean((why ?? "").replace(/\s+/g, " ").trim())
  if (line !== "") return line
  throw wrong("why is empty", "say in one line what it is needed for: an owner reads it")
}
