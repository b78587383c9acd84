/** What {@link import("./own-values.js")} exports, loaded where there is a vault. */
export const loadOwnValues = () => import("./own-values.js")

/** What {@link import("./vaults-below.js")} exports, loaded where there are vaults below the top. */
export const loadVaultsBelow = () => import("./vaults-below.js")
