import { VaultError, describeLease } from "../../core/index.js"
import { type LeaseEdit, parseLease } from "../../core/owner.js"
import type { Door } from "../door/door.js"
import { option, options } from "../door/who.js"

/** How `--lease` and `--with` say that a value is leased; undefined without them. Throws `USAGE`. */
export function leaseSaid(door: Door): LeaseEdit | undefined {
  const [kind, said] = [option(door, "lease"), options(door, "with")]
  if (said.length > 0 && (kind === undefined || kind === "none")) {
    throw new VaultError("USAGE", "--with says more of a lease, and there is none", {
      hint: "give --lease KIND too",
    })
  }
  return kind === undefined || kind === "none" ? kind : parseLease(kind, said)
}

/** What an edit comes to, for people. */
export function leaseLine(edit: LeaseEdit): string {
  return edit === "none"
    ? "Readers get what is sealed, as it is."
    : `Readers get a lease: ${describeLease(edit)}`
}
