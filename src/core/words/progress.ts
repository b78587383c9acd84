/** Called after each of `total` steps of a long operation. */
export type Progress = (done: number, total: number, what: string) => void
