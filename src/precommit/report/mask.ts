/** At most this many characters of a finding are ever shown, and never a quarter of it. */
const SHOWN = 4

/**
 * What may be shown of a credential: its first characters, which in most formats only name the
 * provider, and its length. A short one shows nothing.
 */
export function mask(text: string): string {
  const [line = ""] = text.split("\n", 1)
  const shown = line.slice(0, Math.min(SHOWN, Math.floor(text.length / 4)))
  return `${shown.replace(/[^!-~]/g, "?")}… (${text.length} characters)`
}
