/** Whether a text has the markers that Git writes where two sides changed the same lines. */
export function hasMergeMarkers(text: Uint8Array): boolean {
  return Buffer.from(text).includes("\n>>>>>>> ")
}
