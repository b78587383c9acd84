/** Why a store gave nothing, in words, and what to do where it is not the store's fault. */
export class StoreFailure extends Error {
  readonly mend: string | undefined

  constructor(why: string, mend?: string) {
    super(why)
    this.mend = mend
  }
}
