import type { Environment } from "../disk/homes.js"

/** What a store may use of the machine: its environment, and the store's own program. */
interface StoreMachine {
  readonly env: Environment
  /** Runs the program, found outside of the repository, without a shell; all that it prints. */
  readonly run: (program: string, args: readonly string[]) => Promise<Buffer>
}

/** Another store that values may come from: which references are its own, and how it reads one. */
export interface ReferenceStore {
  /** How a reference is written, for people. */
  readonly form: string
  /** The whole of a reference. No part may begin with `-`, or hold what a program reads as more. */
  readonly reference: RegExp
  /** What a person does where the store does not answer. */
  readonly mend: string
  /** The value; undefined where there is none. Rejects as the machine does. */
  readonly read: (
    parts: Readonly<Record<string, string | undefined>>,
    machine: StoreMachine,
  ) => Promise<Uint8Array | undefined>
}
