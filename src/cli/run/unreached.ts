import { type VaultError, harmless } from "../../core/index.js"
import { type Terminal, say } from "../terminal/terminal.js"

/** More would hide what the program said itself. */
const TOLD = 4
/** The same of a proxy, whose terminal nobody else fills. */
const TOLD_BY_PROXY = 20

/**
 * What a program did not reach. Most say of a host that is refused that it cannot be reached, and no
 * more: the answer to CONNECT is shown by none. Told when the program has ended and has left the
 * screen.
 */
export class Unreached {
  readonly #hints = new Map<string, string>()

  hear({ code, message, hint = "" }: VaultError): void {
    if (code === "TARGET_REFUSED") this.#hints.set(message, hint)
  }

  tell(terminal: Terminal): void {
    const all = [...this.#hints]
    for (const [message, hint] of all.slice(0, TOLD)) {
      tellOne(terminal, message, hint)
    }
    const more = all.length - TOLD
    if (more > 0) say(terminal, `agent-vault: and ${more} more: agent-vault audit`)
  }
}

/** Says what programs do not reach, each once, and at once: a proxy may go on for days. */
export function tellUnreached(terminal: Terminal): (error: VaultError) => void {
  const told = new Set<string>()
  return ({ code, message, hint = "" }) => {
    if (code !== "TARGET_REFUSED" || told.has(message) || told.size > TOLD_BY_PROXY) return
    told.add(message)
    if (told.size <= TOLD_BY_PROXY) tellOne(terminal, message, hint)
    else say(terminal, "agent-vault: and more, which is not told any more: agent-vault audit")
  }
}

function tellOne(terminal: Terminal, message: string, hint: string): void {
  say(terminal, harmless(`agent-vault: refused: ${message}`))
  say(terminal, harmless(`  ${hint}`))
}
