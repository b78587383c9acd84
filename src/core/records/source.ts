/** The stores that a secret's value may come from, by the scheme of their references. */
export const STORES = ["op", "aws-sm", "gcp-sm", "vault", "env", "keychain"] as const
export type StoreScheme = (typeof STORES)[number]

/** The longest time that a value may be kept in memory, in seconds: a day. */
export const LONGEST_KEEP = 86_400

/** That what is sealed is a reference to a value in another store, and not the value. */
export interface Source {
  readonly store: StoreScheme
  /** For how long a reader may keep the value in memory, in seconds; 0: it is fetched for each read. */
  readonly keep: number
}

/** Whether two records say the same of where the value is, or neither does. */
export function isSameSource(one: Source | undefined, other: Source | undefined): boolean {
  return one?.store === other?.store && one?.keep === other?.keep
}
