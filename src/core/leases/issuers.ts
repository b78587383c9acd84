import type { Lease } from "../records/lease.js"
import { VaultError } from "../words/errors.js"
import type { SecretName } from "../words/names.js"
import { AWS_STS } from "./aws-sts.js"
import { GITHUB_APP } from "./github-app.js"
import { IssuerFailure, type LeaseIssuer } from "./lease-issuer.js"
import { OAUTH } from "./oauth.js"
import { VAULT } from "./vault-lease.js"

/** The issuers: one row, and one file, for each kind of lease. */
const ISSUERS: { readonly [K in Lease["kind"]]: LeaseIssuer<Extract<Lease, { kind: K }>> } = {
  "github-app": GITHUB_APP,
  oauth: OAUTH,
  vault: VAULT,
  "aws-sts": AWS_STS,
}

/** Who issues leases of a kind. */
export function issuerOf<L extends Lease>({ kind }: L): LeaseIssuer<L> {
  return ISSUERS[kind] as unknown as LeaseIssuer<L>
}

/** Refuses to seal what no lease can be taken with, as far as that is seen here. Throws `USAGE`. */
export function requireFit({ full }: SecretName, lease: Lease, value: Uint8Array): void {
  try {
    issuerOf(lease).requireFit(lease, value)
  } catch (error) {
    if (!(error instanceof IssuerFailure)) throw error
    const instead = `or take the lease away: agent-vault set ${full} --lease none`
    throw new VaultError("USAGE", `${full} is leased as ${lease.kind}, and ${error.message}`, {
      hint: error.mend === undefined ? instead : `${error.mend}; ${instead}`,
    })
  }
}
