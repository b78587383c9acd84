/**
 * The reading half of agent-vault: no Git, no YAML and no schema compiler at run time. The npm
 * package's `agent-vault`; what is marked internal is for the doors of this project, has no types
 * in the package, and may change at any time.
 */
export { AgentVault, type WatchOptions } from "./agent-vault.js"
export { type AuditLine, auditFile, auditTo } from "./audit.js"
export { type ErrorCode, type ErrorDetails, VaultError } from "./errors.js"
export type { Environment } from "./homes.js"
export type { AccessReport, ReadableListing, SecretListing } from "./listing.js"
export { type OpenOptions, openVault } from "./open-vault.js"
export type { Pulled } from "./pull.js"
export type { Actor, Door, ReadEvent } from "./read.js"
export type { Exposure, Loss, Reveal } from "./record.js"
export { type Patterns, type Redacted, compilePatterns } from "./redactor/patterns.js"
export { Redactor, redactText } from "./redactor/redactor.js"
export { SecretValue } from "./secret-value.js"
export type { Change } from "./watch.js"

/** @internal */
export { harmless, toJson } from "./harmless.js"
/** @internal */
export {
  type Identity,
  type IdentityChoice,
  type OwnerByDefault,
  agentHarness,
  decidingSource,
} from "./identity.js"
/** @internal */
export {
  type AskPassphrase,
  type Key,
  agentKeyFile,
  localAgents,
  ownerKeyFile,
} from "./key-files.js"
/** @internal */
export { VALUE_LIMIT } from "./layout.js"
/** @internal */
export { Lines } from "./lines.js"
/** @internal */
export {
  type SecretName,
  nearest,
  parseAgentName,
  parseGroupName,
  parseSecretName,
  parseVariableName,
} from "./names.js"
/** @internal */
export { claimedId, identityAt, withVault } from "./open.js"
/** @internal */
export { openVaultAs } from "./open-vault.js"
/** @internal */
export { type Checkout, type Place, findCheckout, findVault } from "./place.js"
/** @internal */
export { type ReadOptions, type SecretRead, readSecret } from "./read.js"
/** @internal */
export type {
  AgentRecord,
  GroupRecord,
  Member,
  OwnerEntry,
  SecretMetadata,
  SecretRecord,
  VaultRecord,
} from "./record.js"
/** @internal */
export { later, parseDuration, parseTime, utc } from "./time.js"
/** @internal */
export {
  type AgentListing,
  type VaultNames,
  describeAgent,
  describeAgents,
  describeSecrets,
  namesIn,
} from "./listing.js"
/** @internal */
export type { ReaderRequest } from "./reader.js"
/** @internal */
export { type SetBack, findSetBack, rewind } from "./rewind.js"
/** @internal */
export { type TrustReport, describeTrust, pinOwner } from "./pin.js"
/** @internal */
export { type Anchor, parseSigner } from "./trust.js"
/** @internal */
export { variableName } from "./variables.js"
/** @internal */
export type { Vault } from "./vault.js"
