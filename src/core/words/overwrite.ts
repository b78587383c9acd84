/** Something that is read, and the keys that it is a text of, if it is one. */
interface Overwritable {
  readonly value: Uint8Array
  readonly keys?: { readonly secret: Uint8Array; readonly token: Uint8Array } | undefined
}

/** All of it that is secret. */
export function secretsIn({ value, keys }: Overwritable): readonly Uint8Array[] {
  return keys === undefined ? [value] : [value, keys.secret, keys.token]
}

/** Overwrites what nobody needs any more. */
export function overwrite(reads: Iterable<Overwritable>): void {
  for (const read of reads) for (const bytes of secretsIn(read)) bytes.fill(0)
}
