import { fieldOf } from "../sources/field-of.js"
import type { SelfRotation } from "./self-rotation.js"

const TOKENS = "/api/v4/personal_access_tokens/self"

/**
 * A GitLab access token in place of itself: a personal one, a project's or a group's
 * (https://docs.gitlab.com/api/personal_access_tokens/). GitLab ends the old one at once, and whoever
 * shows it again ends the new one.
 */
export const GITLAB_TOKEN: SelfRotation = {
  about: "an access token with the scope api or self_rotate",
  endpoint: "https://gitlab.com",
  takesEnd: true,
  async roll(value, ask, until) {
    const { status, body } = await ask({
      method: "POST",
      path: `${TOKENS}/rotate`,
      headers: { "PRIVATE-TOKEN": value, "Content-Type": "application/json" },
      // A week, without it.
      body: JSON.stringify(until === undefined ? {} : { expires_at: until.slice(0, 10) }),
    })
    return status >= 200 && status < 300 ? fieldOf(body, ["token"])?.toString("utf8") : undefined
  },
  async try(value, ask) {
    const { status } = await ask({
      method: "GET",
      path: TOKENS,
      headers: { "PRIVATE-TOKEN": value },
    })
    return status === 200
  },
}
