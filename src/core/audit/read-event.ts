import type { Actor } from "../policy/access.js"

/** Through which surface a value was read. */
export type Surface = "cli" | "sdk" | "run" | "mcp" | "bridge" | "guard" | "broker"

/** These read values to find them in what passes, and hand them to nobody. */
export const SEARCHING: ReadonlySet<Surface> = new Set(["broker", "guard"])

/** One read of one value: what an audit wants to know of it, and never the value. */
export interface ReadEvent {
  /** UTC, `YYYY-MM-DDTHH:MM:SSZ`. */
  readonly at: string
  readonly actor: Actor
  readonly door: Surface
  /** The vault's id, 32 hex digits. */
  readonly vault: string
  /** `stripe/api-key` */
  readonly secret: string
  readonly version: number
}
