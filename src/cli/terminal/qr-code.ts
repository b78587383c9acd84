import { renderUnicodeCompact } from "uqr"

/** White on black, whatever the colours of the terminal: a scanner has to see light as light. */
const [WHITE_ON_BLACK, AS_BEFORE] = ["\u001b[97;40m", "\u001b[0m"]

/** A QR code of a text as lines for a terminal, two rows of it in each. */
export function qrCode(text: string): string[] {
  const lines = renderUnicodeCompact(text, { ecc: "M", border: 2 }).split("\n")
  return lines.filter((line) => line !== "").map((line) => WHITE_ON_BLACK + line + AS_BEFORE)
}
