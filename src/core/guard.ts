/**
 * The face for the guard, which runs at every commit: Git without a library, and everything that
 * takes time to load only when a commit asks for it.
 */
export { type ErrorCode, VaultError } from "./errors.js"
export { inaccessible, isErrno, replaceFile } from "./files.js"
export {
  type Blob,
  Blobs,
  type TakePiece,
  WHOLE_LIMIT,
  runAsUser,
  runQuickly,
  userSetting,
} from "./git-quick.js"
export { harmless, toJson } from "./harmless.js"
export type { Environment } from "./homes.js"
export { type PathInVault, SEALED_LIMIT, VAULT_FOLDER, VAULT_RECORD, vaultPath } from "./layout.js"
export { type Checkout, findCheckout } from "./place.js"
export type { StagedFile, VaultProblem } from "./staged-vault.js"

/** What {@link import("./staged-vault.js")} exports, loaded when a file of a vault is staged. */
export const loadStagedVault = () => import("./staged-vault.js")

/** What {@link import("./own-values.js")} exports, loaded where there is a vault. */
export const loadOwnValues = () => import("./own-values.js")

/** What {@link import("./yaml.js")} exports, loaded when there is a file to parse. */
export const loadYaml = () => import("./yaml.js")
