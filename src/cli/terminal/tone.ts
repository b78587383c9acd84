/** What stands out by how a line begins, and its colour as a number of ECMA-48, "SGR". */
const TONES: readonly (readonly [begins: RegExp, colour: number])[] = [
  [/^REFUSED\b/, 31],
  [/^attention\b/, 33],
  // Who loses access, or what is taken away; who gains it.
  [/^ {2}- .*/, 31],
  [/^ {2}\+ .*/, 32],
]

/** A line with what stands out in its colour, where a person looks who has not said NO_COLOR. */
export function toned(
  line: string,
  stream: Pick<NodeJS.WriteStream, "isTTY">,
  env: NodeJS.ProcessEnv,
): string {
  if (!stream.isTTY || Boolean(env["NO_COLOR"]) || env["TERM"] === "dumb") return line
  const [begins, colour] = TONES.find(([each]) => each.test(line)) ?? []
  if (begins === undefined) return line
  return line.replace(begins, (text) => `\u001b[${colour}m${text}\u001b[39m`)
}
