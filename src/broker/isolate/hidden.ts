import { lstatSync, readdirSync, realpathSync } from "node:fs"
import { join } from "node:path"

/** What a program may not see that runs isolated. */
export interface Hidden {
  /** Are empty there. */
  readonly folders: readonly string[]
  readonly files: readonly string[]
}

/** The sockets of those who do for whoever asks what this program may not. */
const SOCKETS = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/dbus/system_bus_socket",
  "/run/systemd/private",
  "/run/snapd.socket",
]
/** Variables that name one more of them. */
const NAMING = ["SSH_AUTH_SOCK", "SSH_AGENT_LAUNCHER", "GPG_AGENT_INFO", "DOCKER_HOST"]
const NAMING_ADDRESS = ["DBUS_SESSION_BUS_ADDRESS"]

/**
 * What there is of all this. `own` are the folders and files that hold this vault's keys, and what
 * this machine remembers: they have to be hidden, whether there is one yet or not.
 */
export function hiddenFrom(own: Hidden, env: Readonly<Record<string, string | undefined>>): Hidden {
  const { XDG_RUNTIME_DIR: runtime, HOME: home } = env
  const named = [
    ...NAMING.map((name) => env[name]?.replace(/^unix:\/\//, "").replace(/:\d+:\d+$/, "")),
    ...NAMING_ADDRESS.map((name) => /unix:path=([^,;]+)/.exec(env[name] ?? "")?.[1]),
  ]
  const gnupg = home === undefined ? [] : gpgSockets(join(home, ".gnupg"))
  const sockets = [...SOCKETS, ...named, ...gnupg].filter(
    (path) => path !== undefined && path.startsWith("/"),
  ) as string[]
  const folders = [...own.folders, ...(runtime ? [runtime] : []), "/tmp/.X11-unix"]
  return {
    folders: real(folders, "isDirectory"),
    files: [...real(own.files, "isFile"), ...real(sockets, "isSocket")].filter(
      (path) => runtime === undefined || !path.startsWith(`${runtime}/`),
    ),
  }
}

function gpgSockets(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith("S."))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Each once, where links lead: over a link nothing can be put. */
function real(paths: readonly string[], kind: "isDirectory" | "isFile" | "isSocket"): string[] {
  const found = paths.flatMap((path) => {
    try {
      const place = realpathSync(path)
      return lstatSync(place)[kind]() ? [place] : []
    } catch {
      return []
    }
  })
  return [...new Set(found)]
}
