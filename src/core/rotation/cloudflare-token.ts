import { fieldOf } from "../sources/field-of.js"
import type { AskService, SelfRotation } from "./self-rotation.js"

const TOKENS = "/client/v4/user/tokens"

/**
 * A user's API token of Cloudflare, with a new secret in place of its old one: its id is asked for, and
 * then its value (https://developers.cloudflare.com/api/resources/user/subresources/tokens/).
 */
export const CLOUDFLARE_TOKEN: SelfRotation = {
  about: "a user's API token that may edit API tokens",
  endpoint: "https://api.cloudflare.com",
  takesEnd: false,
  async roll(value, ask) {
    const id = await idOf(value, ask)
    if (id === undefined) return undefined
    const { status, body } = await ask({
      method: "PUT",
      path: `${TOKENS}/${id}/value`,
      headers: { ...signedIn(value), "Content-Type": "application/json" },
      body: "{}",
    })
    return status === 200 ? fieldOf(body, ["result"])?.toString("utf8") : undefined
  },
  try: async (value, ask) => (await idOf(value, ask)) !== undefined,
}

/** Of a token that works. */
async function idOf(value: string, ask: AskService): Promise<string | undefined> {
  const asked = { method: "GET", path: `${TOKENS}/verify`, headers: signedIn(value) } as const
  const { status, body } = await ask(asked)
  const id = status === 200 ? fieldOf(body, ["result", "id"])?.toString("utf8") : undefined
  return id !== undefined && /^[0-9a-f]{32}$/.test(id) ? id : undefined
}

function signedIn(value: string): Record<string, string> {
  return { Authorization: `Bearer ${value}` }
}
