import type { Use } from "../../core/index.js"

/** A variable whose value a sandbox is to keep from the programs in it. */
interface SandboxedVariable {
  readonly variable: string
  /** `stripe/api-key` */
  readonly secret: string
  readonly use: readonly Use[]
}

/** An entry of `credentials.envVars`. */
interface MaskedVariable {
  readonly name: string
  readonly mode: "mask" | "deny"
  readonly injectHosts?: readonly string[]
}

/** What a sandbox is told, and what of the vault's uses it cannot be told. */
interface SandboxSettings {
  readonly document: object
  readonly notes: readonly string[]
}

/**
 * The settings of Claude Code's sandbox (`sandbox.credentials`,
 * https://code.claude.com/docs/en/settings) or of sandbox-runtime
 * (https://github.com/anthropic-experimental/sandbox-runtime). A variable is masked: a program sees a
 * text of the sandbox's, which its proxy replaces towards the hosts of the secret's uses, and only
 * there. One that the sandbox could not keep to its uses is not there at all. `kept` are the folders
 * that no program may read.
 */
export function sandboxSettings(
  sandbox: "claude" | "srt",
  variables: readonly SandboxedVariable[],
  kept: readonly string[],
): SandboxSettings {
  const judged = variables.map((variable) => ({ variable, ...judge(variable) }))
  const envVars = judged.map(({ entry }) => entry)
  const hosts = [...new Set(envVars.flatMap(({ injectHosts = [] }) => injectHosts))].toSorted()
  const files = kept.map((path) => ({ path, mode: "deny" }))
  const network = { allowedDomains: hosts, tlsTerminate: {} }
  const credentials = { files, envVars }
  const document =
    sandbox === "claude"
      ? { sandbox: { enabled: true, failIfUnavailable: true, network, credentials } }
      : {
          network: { ...network, deniedDomains: [] },
          filesystem: { denyRead: kept, allowWrite: ["."], denyWrite: [] },
          credentials,
        }
  return { document, notes: judged.flatMap(({ notes }) => notes) }
}

function judge({ variable, secret, use }: SandboxedVariable): {
  entry: MaskedVariable
  notes: readonly string[]
} {
  const kept = use.filter((rule) => whyNot(rule) === undefined)
  const notes = use.flatMap((rule) => {
    const why = whyNot(rule)
    return why === undefined ? [] : [`${secret} is not sent to ${rule.hosts.join(", ")}: ${why}`]
  })
  if (use.length === 0) notes.push(`${secret} has no use, so it is sent nowhere`)
  if (kept.length === 0) return { entry: { name: variable, mode: "deny" }, notes }
  const injectHosts = [...new Set(kept.flatMap(({ hosts }) => hosts))].toSorted()
  return { entry: { name: variable, mode: "mask", injectHosts }, notes }
}

/** Why a rule would come to mean more in a sandbox than its owner signed; undefined if it would not. */
function whyNot({ hosts, scheme, ask }: Use): string | undefined {
  if (ask !== "never") return "the rule wants a person asked, and a sandbox asks nobody"
  if (scheme !== "raw" && scheme !== "bearer") return `a sandbox does not know the scheme ${scheme}`
  if (hosts.some((host) => host.includes("*"))) return "a sandbox takes * for more than one label"
  return hosts.some((host) => /:\d+$/.test(host)) ? "a sandbox knows no port there" : undefined
}
