import { randomUUID } from "node:crypto"
import { openSync, unlinkSync, writeSync } from "node:fs"
import { devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { arch } from "node:process"
import { inaccessible } from "../../core/index.js"

/** The numbers of calls, by what the kernel calls an architecture (`linux/audit.h`). */
interface Numbers {
  readonly architecture: number
  readonly ioctl: number
  readonly socket: number
  /** `add_key`, `request_key`, `keyctl`: keyrings belong to a user, whatever a program's namespaces. */
  readonly keys: readonly number[]
  /** Makes sockets too, of a kind that no filter sees. */
  readonly socketcall?: number | undefined
}

/** Where the machine itself is 32-bit x86, programs make all their sockets by it. */
const SOCKETCALL = arch === "ia32" ? undefined : 102

const NUMBERS: readonly Numbers[] = [
  { architecture: 0xc000003e, ioctl: 16, socket: 41, keys: [248, 249, 250] }, // x86-64
  // i386, which x86-64 runs too
  {
    architecture: 0x40000003,
    ioctl: 54,
    socket: 359,
    keys: [286, 287, 288],
    socketcall: SOCKETCALL,
  },
  { architecture: 0xc00000b7, ioctl: 29, socket: 198, keys: [217, 218, 219] }, // arm64
  { architecture: 0x40000028, ioctl: 54, socket: 281, keys: [309, 310, 311] }, // arm, which arm64 runs too
]
/** Node's names for these. */
const KNOWN = new Set(["x64", "ia32", "arm64", "arm"])
/** The same everywhere. What is asked for by a ring, a socket say, passes no filter. */
const IO_URING_SETUP = 425
/** From here on x86-64 has the calls of x32, by numbers of their own. */
const X32 = 0x40000000
/** `TIOCSTI` types into a terminal, `TIOCLINUX` pastes into one: for whom it has when we have ended. */
const TYPES = [0x5412, 0x541c]
/** The sockets between virtual machines and their host: no namespace of the network holds them. */
const VSOCK = 40

/** Where the number of a call, its architecture and the low halves of its first two arguments are. */
const [NUMBER, ARCHITECTURE, FAMILY, REQUEST] = [0, 4, 16, 24]
/** Instructions of the kernel's filter (`linux/bpf_common.h`). */
const [LOAD, IF_EQUAL, IF_NOT_LESS, RETURN] = [0x20, 0x15, 0x35, 0x06]
const [ALLOWED, NOT_PERMITTED] = [0x7fff0000, 0x00050001]

/** Goes on at `yes` if it is true, and else at `no`; by default at the next one. */
interface Step {
  readonly code: number
  readonly value: number
  readonly yes?: string
  readonly no?: string
  /** What others lead to it by. */
  readonly label?: string
}

/** Whether there are calls that bubblewrap is to refuse on this machine. */
export const refusesCalls = KNOWN.has(arch)

/** A descriptor of what says which calls these are, for bubblewrap's `--seccomp`; to be closed. Throws `NO_ACCESS`. */
export function openRefusedCalls(): number {
  if (!refusesCalls) return openSync(devNull, "r")
  const file = join(tmpdir(), `agent-vault-calls-${randomUUID()}`)
  const filter = filterOf([...NUMBERS.flatMap(stepsFor), ...ENDS])
  try {
    const descriptor = openSync(file, "wx+", 0o600)
    unlinkSync(file)
    // Who reads it begins at its beginning.
    writeSync(descriptor, filter, 0, filter.length, 0)
    return descriptor
  } catch (error) {
    throw inaccessible("write", file, error)
  }
}

/** An architecture that is none of these has no calls at all. */
function stepsFor(
  { architecture, ioctl, socket, keys, socketcall = IO_URING_SETUP }: Numbers,
  at: number,
): Step[] {
  const refused = new Set([...keys, IO_URING_SETUP, socketcall])
  const other = at === NUMBERS.length - 1 ? "refuse" : `architecture ${at + 1}`
  return [
    { label: `architecture ${at}`, code: LOAD, value: ARCHITECTURE },
    { code: IF_EQUAL, value: architecture, no: other },
    { code: LOAD, value: NUMBER },
    { code: IF_NOT_LESS, value: X32, yes: "refuse" },
    ...[...refused].map((call): Step => ({ code: IF_EQUAL, value: call, yes: "refuse" })),
    { code: IF_EQUAL, value: socket, yes: "socket" },
    { code: IF_EQUAL, value: ioctl, yes: "ioctl", no: "allow" },
  ]
}

const ENDS: readonly Step[] = [
  { label: "socket", code: LOAD, value: FAMILY },
  { code: IF_EQUAL, value: VSOCK, yes: "refuse", no: "allow" },
  { label: "ioctl", code: LOAD, value: REQUEST },
  ...TYPES.map((request): Step => ({ code: IF_EQUAL, value: request, yes: "refuse" })),
  { label: "allow", code: RETURN, value: ALLOWED },
  { label: "refuse", code: RETURN, value: NOT_PERMITTED },
]

/** Of each step: its code, how many to leave out if it is true and if not, and its value. */
function filterOf(steps: readonly Step[]): Buffer {
  const filter = Buffer.alloc(steps.length * 8)
  steps.forEach(({ code, value, yes, no }, at) => {
    const leftOut = (label?: string): number =>
      label === undefined ? 0 : steps.findIndex((step) => step.label === label) - at - 1
    filter.writeUInt16LE(code, 8 * at)
    filter.writeUInt8(leftOut(yes), 8 * at + 2)
    filter.writeUInt8(leftOut(no), 8 * at + 3)
    filter.writeUInt32LE(value, 8 * at + 4)
  })
  return filter
}
