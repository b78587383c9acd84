/**
 * The reveal policies of a secret, from the strictest on: a model never sees its value, sees it if a
 * person confirms, or sees it at once.
 */
export const REVEAL_POLICIES = ["never", "confirm", "allow"] as const

export type Reveal = (typeof REVEAL_POLICIES)[number]
