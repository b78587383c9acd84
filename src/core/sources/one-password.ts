import type { ReferenceStore } from "./reference-store.js"

/** 1Password, by `op read` (https://developer.1password.com/docs/cli/reference/commands/read). */
export const ONE_PASSWORD: ReferenceStore = {
  form: "op://VAULT/ITEM/FIELD or op://VAULT/ITEM/SECTION/FIELD",
  reference: /^(?<all>op:\/(?:\/[A-Za-z0-9][A-Za-z0-9 _.-]{0,127}){3,4})$/,
  mend: "sign in: op signin",
  read: ({ all = "" }, { run }) => run("op", ["read", "--no-newline", all]),
}
