import { openGit } from "../git/git.js"
import { parseManifest, withComment } from "../records/manifest.js"
import { withVault } from "../vault/open.js"
import { findSecret } from "../vault/vault.js"
import { VaultError } from "../words/errors.js"
import { harmless } from "../words/harmless.js"
import { parseNote, parseSecretName } from "../words/names.js"
import { utc } from "../words/time.js"
import { type Shared, shareWish } from "./share-wish.js"
import { type Wish, type WishPlace, putWish, wishBranch, wishingCheckout } from "./wish-branch.js"
import { wishMessage } from "./wish-message.js"
import { type WishRequest, agentOf } from "./wish-request.js"

export interface MissingSecret extends WishRequest {
  /** `GROUP/NAME` */
  readonly secret: string
  /** The catalogue's service that it is for. */
  readonly service?: string | undefined
}

/** What became of a wish for a secret. */
export interface SecretAsked {
  readonly agent: string
  /** Where the wish stands. */
  readonly wish: WishPlace
  /** Absent for what is on no branch of its own. */
  readonly shared?: Shared
}

/**
 * Writes that a secret is missing as a comment into the manifest, on a branch of its own, for an owner
 * to read: which one, why, for which service, who asked and when. Throws `EXISTS` for one that is
 * there, and as a wish for access does.
 */
export async function requestSecret(request: MissingSecret): Promise<SecretAsked> {
  const { place, key, env } = request
  const name = parseSecretName(request.secret)
  parseNote(request.why)
  const { vault, agent } = await withVault(place, key.trust, env, (open) => {
    if (findSecret(open, name) !== undefined) {
      throw new VaultError("EXISTS", `${name.full} is there`, { hint: "see it: agent-vault list" })
    }
    return { vault: open.id, agent: agentOf(open, key) }
  })
  const git = await openGit(wishingCheckout(place), env)
  const wish = await putWish(git, place, secretWish(request, vault, agent), request.onNote)
  if (wish.is === "pending") return { agent, wish }
  return { agent, wish, shared: await shareWish(git, wish, request.push) }
}

function secretWish(request: MissingSecret, vault: string, agent: string): Wish {
  const { secret, service, why, program, now } = request
  const what = `${agent} asks for the secret ${secret}`
  const through = program === undefined ? "" : ` through ${program}`
  const isFor = service === undefined ? "" : ` (service: ${service})`
  const comment = harmless(`${what}${isFor} on ${utc(now)}${through}: ${why}`)
  return {
    branch: wishBranch("secret", agent, secret.split("/")),
    isIn: (manifest) => {
      parseManifest(manifest, vault)
      const lines = Buffer.from(manifest).toString("utf8").split(/\r?\n/)
      return lines.some((line) => line.startsWith(`# ${what} `))
    },
    addTo: (manifest) => withComment(manifest, vault, comment),
    message: wishMessage(`${what}${isFor}`, request),
  }
}
