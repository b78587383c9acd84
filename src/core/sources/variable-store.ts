import type { ReferenceStore } from "./reference-store.js"

/** A variable of the environment of whoever reads. Our own hold keys, and are none of it. */
export const VARIABLE_STORE: ReferenceStore = {
  form: "env:NAME",
  reference: /^env:(?<name>(?!AGENT_VAULT_)[A-Za-z_][A-Za-z0-9_]{0,127})$/i,
  mend: "set that variable where the value is read",
  read: ({ name = "" }, { env }) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    return Promise.resolve(value === undefined ? undefined : Buffer.from(value))
  },
}
