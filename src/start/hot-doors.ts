// Which commands start so often that the code of each is kept as V8 compiled it.

/** By the words that they begin with. */
const HOT: readonly string[] = [
  "get",
  "run",
  "guard",
  "mcp",
  "bridge",
  "completion",
  "hook env",
  "hooks answer",
  // What an owner types: these load most.
  "set",
  "list",
  "grant",
  "revoke",
  "apply",
  "check",
  "status",
  "sync",
  "use",
  "agent",
  "owner",
]

/** What shows a text, or starts more than the door itself: each runs other code. */
const OTHERWISE: readonly string[] = ["--help", "-h", "--blind"]

/** The hot door that a command line is for, as a part of a file name. Undefined for all others. */
export function hotDoor(argv: readonly string[]): string | undefined {
  const end = argv.indexOf("--")
  const own = end === -1 ? argv : argv.slice(0, end)
  const door = HOT.find((words) => words.split(" ").every((word, at) => own[at] === word))
  if (door === undefined) return undefined
  const other = OTHERWISE.find((word) => own.includes(word))
  if (other === undefined) return door.replace(" ", "-")
  return other === "--blind" ? `${door}-blind` : undefined
}
