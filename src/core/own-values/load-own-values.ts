/** What {@link import("./own-values.js")} exports, loaded where there is a vault. */
export const loadOwnValues = () => import("./own-values.js")
