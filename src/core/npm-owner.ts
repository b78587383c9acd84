/**
 * The npm package's `agent-vault/owner`: everything that it exports, and nothing else does. What only
 * an owner does, as one commit each.
 */
export type { Enrolled, Rekeyed } from "./change/agents.js"
export type { Applied } from "./change/execute-plan.js"
export type { CheckReport, SecretGoing, SecretRotating } from "./check/check.js"
export type { CheckFinding } from "./check/check-finding.js"
export type { Inspection } from "./check/inspect.js"
export type { AskPassphrase } from "./keys/key-files.js"
export {
  type ChangeOptions,
  type Changed,
  type NewAgent,
  OwnerVault,
} from "./library/owner-vault.js"
export { type OpenOwnerOptions, openOwnerVault } from "./library/open-owner-vault.js"
export type { GroupPlan, Plan } from "./vault/plan.js"
export type { SecretMetadata } from "./records/secret-metadata.js"
export type { MetadataChange } from "./change/change-metadata.js"
export type { AddedGroup, RekeyedGroup, RemovedGroup } from "./change/groups.js"
export type { MovedSecret } from "./change/move-secret.js"
export type { GroupReader } from "./vault/group-readers.js"
export type { Removal, RemovedSecret } from "./change/remove-secrets.js"
export type { UseChange } from "./change/change-use.js"
export type { WrittenUse } from "./records/use.js"
export type { ExposedSecret } from "./change/rekey.js"
export type { Progress } from "./change/session.js"
export type { SetManyResult, SetResult } from "./change/set.js"
