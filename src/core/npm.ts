/**
 * The npm package's `agent-vault`: everything that it exports, and nothing else does. For agents that
 * read: no Git, no YAML and no schema compiler at run time.
 */
export { AgentVault, type WatchOptions } from "./library/agent-vault.js"
export type { AuditLine } from "./audit/audit-line.js"
export type { ReadEvent, Surface } from "./audit/read-event.js"
export { type ErrorCode, type ErrorDetails, VaultError } from "./words/errors.js"
export type { Environment } from "./disk/homes.js"
export type { AccessReport, ReadableListing, SecretListing } from "./vault/listing.js"
export { type OpenOptions, openVault } from "./library/open-vault.js"
export type { Pulled } from "./sync/pull.js"
export type { Actor } from "./policy/access.js"
export type { Rotation } from "./records/rotation.js"
export type { AwsStsLease, GitHubAppLease, Lease, OAuthLease, VaultLease } from "./records/lease.js"
export type { Source, StoreScheme } from "./records/source.js"
export type { Use, UsePlace } from "./records/use.js"
export type { Exposure, Loss } from "./records/record.js"
export type { Exposed } from "./vault/exposed.js"
export type { Reveal } from "./words/reveal-policy.js"
export { type Patterns, type Redacted, compilePatterns } from "./redactor/patterns.js"
export { Redactor, redactText } from "./redactor/redactor.js"
export { SecretValue } from "./words/secret-value.js"
export type { SecretChange } from "./library/watch.js"
