import type { ClientTrial, TrialTerms } from "../serving/blind-program.js"
import { prepareBlind, tryIsolation } from "./blind-run.js"
import { PROBE_SECRET, ProbeVault } from "./probe/probe-vault.js"
import { ProbeService } from "./probe/probe-service.js"
import { Sightings } from "./probe/sightings.js"
import { stepsOf } from "./probe/steps.js"

/**
 * Makes a broker ready that has one secret of its own, and a service on loopback to which alone it
 * may go. No vault is opened, and no packet leaves the machine. Throws as {@link prepareBlind} does.
 */
export async function prepareTrial(request: TrialTerms): Promise<ClientTrial> {
  const service = await ProbeService.start()
  try {
    return await trialAt(service, request)
  } catch (error) {
    service.close()
    throw error
  }
}

async function trialAt(service: ProbeService, request: TrialTerms): Promise<ClientTrial> {
  const { authority: host, root: ownRoot } = service
  const isolation = tryIsolation(request.isolation, request.env)
  const seen = new Sightings()
  const vault = new ProbeVault(host, seen)
  const gate = { models: "redact", others: "refuse" } as const
  const strictly = { unbound: "deny", allowed: [], gate } as const
  const terms = { ...request, ...strictly, isolation, vault, ownRoot, watch: seen }
  const blind = prepareBlind(terms)
  const { placeholders, environment } = await blind.given().catch(async (error: unknown) => {
    await blind.close()
    throw error
  })
  const placeholder = placeholders.get(PROBE_SECRET) ?? ""
  service.reception = {
    arrived: (text) => {
      const isPlaceholder = text.includes(placeholder)
      const holds = vault.isIn(text) ? "value" : isPlaceholder ? "placeholder" : "neither"
      seen.arrive({ holds })
      return { holds }
    },
    distrusted: () => seen.wentRound(),
  }
  const { wrap, inside, holds, begun } = blind
  return {
    url: `https://${host}/agent-vault/probe`,
    host,
    placeholder,
    environment,
    wrap,
    inside,
    holds,
    begun,
    steps: (command) => stepsOf(seen, { host, command, isIsolated: inside !== undefined }),
    close: async () => {
      await blind.close()
      service.close()
    },
  }
}
