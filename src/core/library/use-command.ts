import type { AskedRequest } from "../policy/explain-request.js"
import { isBound } from "../policy/sending.js"
import { shellWord } from "../words/shell-word.js"

/**
 * What an owner would type so that a request gets a secret, from the catalogue if it knows the host.
 * `isStored`: there is a secret that could be it.
 */
export async function useCommandFor(request: AskedRequest, isStored: boolean): Promise<string> {
  const { method, host, port, path } = request
  // Loaded when it is asked for: reading a value must start fast.
  const { listServices } = await import("../services/services.js")
  const service = listServices().find(({ use }) => isBound([use], host, port))
  if (service !== undefined) return `agent-vault use GROUP/NAME ${service.name}`
  const at = port === 443 ? host : `${host}:${port}`
  const first = isStored ? "" : "agent-vault set GROUP/NAME, then "
  return `${first}agent-vault use GROUP/NAME --host ${at} --method ${method} --path ${shellWord(path)} --at header:authorization`
}
