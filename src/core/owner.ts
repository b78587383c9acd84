/**
 * The writing half of agent-vault: what only an owner does, as one commit each. The npm package's
 * `agent-vault/owner`; what is marked internal is for the doors of this project, has no types in
 * the package, and may change at any time.
 */
export type { Enrolled, Rekeyed } from "./change/agents.js"
export type { Applied } from "./change/apply.js"
export type { CheckReport, CheckFinding } from "./check/check.js"
export type { Inspection } from "./check/inspect.js"
export type { AskPassphrase } from "./keys/key-files.js"
export {
  type ChangeOptions,
  type Changed,
  type NewAgent,
  type OpenOwnerOptions,
  OwnerVault,
  openOwnerVault,
} from "./library/owner-vault.js"
export type { GroupPlan, Plan } from "./vault/plan.js"
export type { SecretMetadata } from "./records/record.js"
export type { ExposedSecret } from "./change/rekey.js"
export type { Progress } from "./change/session.js"
export type { SetResult } from "./change/set.js"

/** @internal */
export { type AgentRequest, addAgent, rekeyAgent, removeAgent } from "./change/agents.js"
/** @internal */
export { apply } from "./change/apply.js"
/** @internal */
export type { ChangeRequest, Outcome } from "./change/change.js"
/** @internal */
export { recoverAgent } from "./vault/escrow.js"
/** @internal */
export { readRegularFile, replaceFile } from "./disk/files.js"
/** @internal */
export { type GrantRequest, type RevokeRequest, grant, revoke } from "./change/grant.js"
/** @internal */
export { type InitRequest, type NewVault, init } from "./change/init.js"
/** @internal */
export { type InspectRequest, inspect } from "./check/inspect.js"
/** @internal */
export {
  checkKeyFilePlace,
  formatKeyFile,
  setKeyFileAside,
  writeKeyFile,
} from "./keys/key-files.js"
/** @internal */
export { repair } from "./commit/repair.js"
/** @internal */
export { type SetRequest, setSecret } from "./change/set.js"
/** @internal */
export { type Standing, describeStanding } from "./check/status.js"
/** @internal */
export { isTracked } from "./git/tracked.js"
