import { execFile, spawn } from "node:child_process"
import { closeSync, existsSync, readFileSync, readdirSync } from "node:fs"
import { delimiter, isAbsolute, join } from "node:path"
import { execPath, getuid, platform } from "node:process"
import { promisify } from "node:util"
import { VaultError, asVaultError, steadyPath } from "../../core/index.js"
import type { Hidden } from "../../serving/blind-program.js"
import { openRefusedCalls, refusesCalls } from "./refused-calls.js"

/** What a program sees of this machine that runs isolated. */
interface View extends Hidden {
  /** Folders that it can read, wherever they are. */
  readonly shown?: readonly string[]
}

/** What isolates here. */
export interface Bubblewrap {
  readonly program: string
  /** The `env` that has signals ignored, and told to end programs again; not all can. */
  readonly env?: string | undefined
}

/** Why nothing isolates here, and how to get it. */
interface Missing {
  readonly missing: string
  readonly hint: string
}

/** The port that the broker has inside: nothing else listens in a network of its own. */
export const PORT_INSIDE = 8118

const NAMESPACES = ["--unshare-net", "--unshare-pid", "--unshare-ipc"]
/** Graphics cards, and what runs virtual machines. */
const PROCESSORS = /^(?:dri|dxg|kfd|kvm|nvidia.*)$/
const WITHOUT = "or go on without: --isolate none"
/** Where bubblewrap says which process it made. */
const INFO = 4
/** Where it reads what {@link openRefusedCalls} opened. */
const CALLS = 5
/**
 * A terminal sends Ctrl-C to bubblewrap too, which would end by it, and take the program along
 * whatever that does with the signal. So it ignores it, if what it starts need not do the same.
 */
const IGNORED = "--ignore-signal=INT,QUIT"
const HEARD = "--default-signal=INT,QUIT"
/** What is tried inside, and what it ends with where no `env` can do both. */
const TRIAL = `env ${IGNORED} env ${HEARD} true || exit 3`
const CANNOT_SHIELD = 3
/**
 * Puts the listener out to the broker, and does what that answers, which is {@link beginning}. What
 * the program's Node is to load first would cost ours 40 ms, and is not ours; threads, 1.5 ms.
 */
const BECOME = `eval "$(NODE_OPTIONS= NODE_EXTRA_CA_CERTS= "$1" --v8-pool-size=0 "$2" "$3")"
exit 125`
/** Becomes the program, which keeps nothing of that. */
const BEGIN = `shift 3
unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE
exec "$@" 3>&-`

const toItsEnd = promisify(execFile)
const NOTHING = { stdout: "" }

/** What isolates here, and which it is. */
export async function findBubblewrap(
  env: Readonly<Record<string, string | undefined>>,
): Promise<(Bubblewrap & { readonly version: string }) | Missing> {
  const means = await meansOf(env)
  if ("missing" in means) return means
  // It isolates, whether it says which it is or not.
  const { stdout } = await toItsEnd(means.program, ["--version"], { env: {} }).catch(() => NOTHING)
  return { ...means, version: /\d[\d.]*/.exec(stdout)?.[0] ?? "" }
}

/** Looks for bubblewrap on PATH, and tries that the system lets it make namespaces. */
async function meansOf(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Bubblewrap | Missing> {
  if (platform !== "linux") {
    return { missing: "there is bubblewrap for Linux only", hint: "go on without: --isolate none" }
  }
  const program = onPath("bwrap", env)
  if (program === undefined) {
    return {
      missing: "bubblewrap is not installed",
      hint: `install it: apt-get install bubblewrap (dnf, pacman, apk: bubblewrap); ${WITHOUT}`,
    }
  }
  const code = await endOfTrial(program, { PATH: steadyPath(env["PATH"]) }).catch(asVaultError)
  if (code instanceof VaultError) {
    return { missing: code.message, hint: `set TMPDIR to a folder that takes files; ${WITHOUT}` }
  }
  // `env` takes a program with a "=" for a variable.
  if (code === 0 && !program.includes("=")) return { program, env: onPath("env", env) }
  if (code === 0 || code === CANNOT_SHIELD) return { program }
  return {
    missing: "this system lets bubblewrap make no namespaces",
    hint: `allow it: sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0; in a container, give it the right to; ${WITHOUT}`,
  }
}

function onPath(name: string, env: Readonly<Record<string, string | undefined>>) {
  return (env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))
}

/** Its exit code; null if it did not start, or ended otherwise. Rejects as {@link openRefusedCalls} throws. */
async function endOfTrial(program: string, env: { PATH: string }): Promise<number | null> {
  const trial = [...base(), "--", "/bin/sh", "-c", TRIAL]
  const calls = openRefusedCalls()
  const stdio = [...Array.from({ length: CALLS }, () => "ignore" as const), calls]
  return new Promise<number | null>((resolve) => {
    spawn(program, trial, { env, stdio })
      .once("exit", resolve)
      .once("error", () => resolve(null))
  }).finally(() => closeSync(calls))
}

/** What isolates, where it must be had. Rejects with `ISOLATION_UNAVAILABLE`. */
export async function requireBubblewrap(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Bubblewrap> {
  const means = await meansOf(env)
  if ("program" in means) return means
  throw new VaultError(
    "ISOLATION_UNAVAILABLE",
    `the program cannot be isolated: ${means.missing}`,
    {
      hint: means.hint,
    },
  )
}

/**
 * The command line that runs `command` in a network, a process table and a file system of its own:
 * all that is hidden is empty there. Before the program begins, `listenInside` opens the broker's
 * listener there and hands it to us over Node's channel, descriptor 3; the program begins when it is
 * answered with {@link beginning}, and else never. On descriptor 4, bubblewrap says what
 * {@link programInside} understands; on 5, it reads what {@link openRefusedCalls} opens.
 */
export function isolated(
  { program, env }: Bubblewrap,
  listenInside: string,
  { folders, files, shown = [] }: View,
  command: readonly string[],
): readonly string[] {
  return [
    ...(env === undefined ? [] : [env, IGNORED]),
    program,
    "--info-fd",
    String(INFO),
    ...base(),
    ...folders.flatMap((folder) => ["--tmpfs", folder]),
    ...files.flatMap((file) => ["--ro-bind", "/dev/null", file]),
    ...shown.flatMap((folder) => ["--ro-bind", folder, folder]),
    "--",
    ...(env === undefined ? [] : [env, HEARD]),
    "/bin/sh",
    "-c",
    BECOME,
    "agent-vault",
    execPath,
    listenInside,
    String(PORT_INSIDE),
    ...command,
  ]
}

/**
 * What the shell inside is to do for the program to begin. `variables` are lines of a shell that set
 * what it gets besides: its network is made before they are known.
 */
export function beginning(variables: string): string {
  return `${variables}${BEGIN}`
}

/**
 * The program's process, as this system counts it; undefined as long as there is none. `info` is what
 * bubblewrap said: JSON with the first process of the namespace, whose first child is the program.
 */
export function programInside(info: string): number | undefined {
  const first = /"child-pid": (\d+)/.exec(info)?.[1]
  if (first === undefined) return undefined
  try {
    const [program] = readFileSync(`/proc/${first}/task/${first}/children`, "utf8").split(" ")
    return program ? Number(program) : undefined
  } catch {
    // It has ended.
    return undefined
  }
}

/**
 * The machine as it is, but for its network, processes, devices and capabilities. It ends with us.
 * Terminals are its own: at the user's other ones it could read what is typed, a passphrase say. Root
 * has power over the machine by files alone: there, it reads them, and has no more devices.
 */
function base(): readonly string[] {
  return [
    "--dev-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--bind-try",
    "/dev/shm",
    "/dev/shm",
    ...(getuid?.() === 0 ? [] : processors()).flatMap((each) => ["--dev-bind-try", each, each]),
    ...NAMESPACES,
    "--proc",
    "/proc",
    ...["/proc/sys", "/sys"].flatMap((folder) => ["--ro-bind-try", folder, folder]),
    "--cap-drop",
    "ALL",
    ...(refusesCalls ? ["--seccomp", String(CALLS)] : []),
    "--die-with-parent",
  ]
}

/** Devices that compute, which belong to no person at the machine. */
function processors(): string[] {
  const names = readdirSync("/dev").filter((name) => PROCESSORS.test(name))
  return names.map((name) => join("/dev", name))
}
