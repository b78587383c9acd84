/**
 * The reading half of agent-vault: no Git, no YAML and no schema compiler at run time. The npm
 * package's `agent-vault`; what is marked internal is for the doors of this project, has no types
 * in the package, and may change at any time.
 */
export { AgentVault, type WatchOptions } from "./library/agent-vault.js"
export type { AuditLine } from "./audit/audit.js"
export type { ReadEvent, Surface } from "./audit/read-event.js"
export { type ErrorCode, type ErrorDetails, VaultError } from "./words/errors.js"
export type { Environment } from "./disk/homes.js"
export type { AccessReport, ReadableListing, SecretListing } from "./vault/listing.js"
export { type OpenOptions, openVault } from "./library/open-vault.js"
export type { Pulled } from "./sync/pull.js"
export type { Actor } from "./policy/access.js"
export type { Exposure, Loss, Reveal } from "./records/record.js"
export { type Patterns, type Redacted, compilePatterns } from "./redactor/patterns.js"
export { Redactor, redactText } from "./redactor/redactor.js"
export { SecretValue } from "./words/secret-value.js"
export type { SecretChange } from "./library/watch.js"

/** @internal */
export { type Audit, auditFile, auditTo, noAudit } from "./audit/audit.js"
/** @internal */
export { type RevealTerms, revealPolicy } from "./policy/reveal.js"
/** @internal */
export { harmless, toJson } from "./words/harmless.js"
/** @internal */
export {
  type Identity,
  type IdentityChoice,
  type OwnerByDefault,
  agentHarness,
  decidingSource,
} from "./keys/identity.js"
/** @internal */
export {
  type AskPassphrase,
  type Key,
  agentKeyFile,
  localAgents,
  ownerKeyFile,
} from "./keys/key-files.js"
/** @internal */
export { VALUE_LIMIT } from "./words/layout.js"
/** @internal */
export { Lines } from "./disk/lines.js"
/** @internal */
export {
  type SecretName,
  nearest,
  parseAgentName,
  parseGroupName,
  parseSecretName,
  parseVariableName,
} from "./words/names.js"
/** @internal */
export { claimedId, identityAt, withVault } from "./vault/open.js"
/** @internal */
export { openVaultAs } from "./library/open-vault.js"
/** @internal */
export { type Checkout, type Place, findCheckout, findVault } from "./disk/place.js"
/** @internal */
export { type Outlet, type SecretRead, readSecret } from "./vault/read.js"
/** @internal */
export type {
  AgentRecord,
  GroupRecord,
  Member,
  OwnerEntry,
  SecretMetadata,
  SecretRecord,
  VaultRecord,
} from "./records/record.js"
/** @internal */
export { later, parseDuration, parseTime, utc } from "./words/time.js"
/** @internal */
export {
  type AgentListing,
  type VaultNames,
  describeAgent,
  describeAgents,
  describeSecrets,
  namesIn,
} from "./vault/listing.js"
/** @internal */
export type { ReaderRequest } from "./library/reader.js"
/** @internal */
export { type SetBack, findSetBack, rewind } from "./vault/rewind.js"
/** @internal */
export { type TrustReport, describeTrust, pinOwner } from "./vault/pin.js"
/** @internal */
export { type Anchor, parseSigner } from "./memory/trust.js"
/** @internal */
export { variableName } from "./words/variable-name.js"
/** @internal */
export type { Vault } from "./vault/vault.js"
