import type { Attribution } from "../../core/index.js"
import type { CallOfTool } from "../door/mcp-serving.js"

/** Characters of the client's name that the audit notes. */
const CLIENT_NAME = 100

/** What the audit notes of a call. A session that the client did not name is that of this process. */
export function attributed({ program, session, turn, call }: CallOfTool): Partial<Attribution> {
  const named = session === undefined ? {} : { session }
  return { ...named, turn, call, program: program?.slice(0, CLIENT_NAME) }
}
