/**
 * Milliseconds after which something hangs: no machine is so busy that a command takes this long.
 * Nothing is measured by it; what must be timed is in bench/.
 */
export const HANG = 300_000
