/** Closes things in turn, all of them. Rejects with the first error, once the last is closed. */
export async function closeAll(closing: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = []
  for (const close of closing) {
    try {
      await close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
