import { type Audit, type ReadEvent, attempted, utc } from "../../core/index.js"
import type { Door } from "../door/door.js"
import { auditOf } from "../door/reading.js"
import { placeOf } from "../door/who.js"

/** Notes in the audit what was taken out of a program's output, as its values were noted. */
export class RunNotes {
  readonly #reads: readonly ReadEvent[]
  readonly #audit: Audit

  constructor(door: Door, program: string, reads: readonly ReadEvent[]) {
    this.#reads = reads
    this.#audit = auditOf(door, placeOf(door), { program })
  }

  /** What cannot be noted stops nothing. */
  note(name: string): void {
    const read = this.#reads.findLast(({ secret }) => secret === name)
    if (read === undefined) return
    const { actor, door, vault, version } = read
    const facts = { event: "output", decision: "redacted", secrets: [{ name, version }] } as const
    attempted(() => this.#audit.note([{ ...facts, at: utc(new Date()), actor, door, vault }]))
  }

  close(): void {
    attempted(() => this.#audit.close())
  }
}
