import { closeSync } from "node:fs"
import { arch, platform, versions } from "node:process"
import { ReadStream } from "node:tty"

/** What we use of the native part: two calls of the system. */
interface Native {
  open(columns: number, rows: number): { master: number; slave: number; pty: string }
  resize(master: number, columns: number, rows: number): void
}

/**
 * A pseudo-terminal: we hold one end, where what is written to the other comes out. We keep the other
 * one open too: if nobody did, reading would be an error, and Node drops what it read before that.
 */
export interface PseudoTerminal {
  readonly ours: ReadStream
  readonly descriptor: number
  /** The path of the other end. */
  readonly path: string
  resize(columns: number, rows: number): void
  close(): void
}

/**
 * Resolves to what makes one, or why there is none. Children that start afterwards would inherit
 * both ends.
 */
export async function pseudoTerminals(): Promise<
  ((columns: number, rows: number) => PseudoTerminal | string) | string
> {
  const native = await nativeFor(`${platform}-${arch}`)
  if (typeof native === "string") return native
  return (columns, rows) => {
    try {
      return opened(native, columns, rows)
    } catch {
      return "the system gives no more of them"
    }
  }
}

function opened(native: Native, columns: number, rows: number): PseudoTerminal {
  const { master, slave, pty } = native.open(columns, rows)
  const ours = new ReadStream(master)
  return {
    ours,
    descriptor: master,
    path: pty,
    resize: (width, height) => native.resize(master, width, height),
    close: () => {
      ours.destroy()
      closeSync(slave)
    },
  }
}

/** Optional packages, of which an installation takes the one for its machine. */
async function nativeFor(machine: string): Promise<Native | string> {
  if ("bun" in versions || "deno" in versions) return "only Node has one for it"
  try {
    switch (machine) {
      case "linux-x64":
        return (await import("@lydell/node-pty-linux-x64/pty.node")).default
      case "linux-arm64":
        return (await import("@lydell/node-pty-linux-arm64/pty.node")).default
      case "darwin-x64":
        return (await import("@lydell/node-pty-darwin-x64/pty.node")).default
      case "darwin-arm64":
        return (await import("@lydell/node-pty-darwin-arm64/pty.node")).default
      default:
        return `there is none for ${machine}`
    }
  } catch {
    return `@lydell/node-pty-${machine} is not installed, or does not fit this system`
  }
}
