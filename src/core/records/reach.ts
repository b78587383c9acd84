import type { VaultDocument } from "./record.js"

/**
 * How far a record has come. Epochs come first, since a merge may take a rekey that has fewer
 * changes: see docs/decisions/0005-epoch-first-then-serial.md.
 */
export interface Reach {
  /** A group's epoch; 0 for other records. */
  readonly epoch: number
  readonly serial: number
}

export function reachOf(record: VaultDocument): Reach {
  return { epoch: record.kind === "group" ? record.epoch : 0, serial: record.serial }
}

/**
 * How far a record has come that nobody verified, from a commit say; undefined for what is not a
 * record. Only whole numbers stand in an order.
 */
export function reachIn(bytes: Uint8Array | undefined): Reach | undefined {
  try {
    const { epoch = 0, serial } = JSON.parse(
      Buffer.from(bytes ?? []).toString("utf8"),
    ) as Partial<Reach>
    if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(serial)) return undefined
    return serial === undefined ? undefined : { epoch, serial }
  } catch {
    return undefined
  }
}

/** Lower, equal or higher. */
export function compareReach(one: Reach, other: Reach): number {
  return one.epoch - other.epoch || one.serial - other.serial
}

/** `epoch 2, serial 5`, or `serial 5`. */
export function reachText({ epoch, serial }: Reach): string {
  // Some marks know the epoch only; no record has the serial 0.
  if (epoch > 0 && serial === 0) return `epoch ${epoch}`
  return epoch > 0 ? `epoch ${epoch}, serial ${serial}` : `serial ${serial}`
}
