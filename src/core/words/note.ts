/** Receives a line for a person: what was done otherwise than they may expect. */
export type OnNote = (note: string) => void
