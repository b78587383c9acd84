import { lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync } from "node:fs"
import { userInfo } from "node:os"
import { join } from "node:path"
import { getuid } from "node:process"
import { isErrno } from "../../core/index.js"
import type { Hidden } from "../../serving/blind-program.js"

/** The sockets of those who do for whoever asks what this program may not. */
const SOCKETS = [
  "/run/docker.sock",
  "/run/docker-host.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/dbus/system_bus_socket",
  "/run/snapd.socket",
  "/run/udev/control",
  "/run/tailscale/tailscaled.sock",
  "/run/buildkit/buildkitd.sock",
  "/run/k3s/containerd/containerd.sock",
  "/var/lib/lxd/unix.socket",
  "/var/snap/lxd/common/lxd/unix.socket",
  "/var/lib/incus/unix.socket",
]
/** The same, in the user's home. */
const SOCKETS_AT_HOME = [
  ".docker/run/docker.sock",
  ".docker/desktop/docker.sock",
  ".colima/default/docker.sock",
  ".rd/docker.sock",
  ".1password/agent.sock",
  ".bitwarden-ssh-agent.sock",
]
/** Variables that name one more of them: agents, engines, and editors and terminals that obey. */
const NAMING = [
  "SSH_AUTH_SOCK",
  "GPG_AGENT_INFO",
  "DOCKER_HOST",
  "CONTAINER_HOST",
  "DBUS_SESSION_BUS_ADDRESS",
  "DBUS_SYSTEM_BUS_ADDRESS",
  "TMUX",
  "KITTY_LISTEN_ON",
  "NVIM",
  "VSCODE_IPC_HOOK_CLI",
  "VSCODE_GIT_IPC_HANDLE",
  "REMOTE_CONTAINERS_IPC",
  "WEZTERM_UNIX_SOCKET",
  "ALACRITTY_SOCKET",
  "SWAYSOCK",
  "I3SOCK",
  "WSL_INTEROP",
]
/**
 * Of the system's services: by those that look names up, a program without a network would tell
 * something to whoever answers for a name.
 */
const OF_SERVICES = ["/run/systemd", "/run/nscd", "/run/avahi-daemon", "/run/libvirt"]
/** Where WSL has what runs programs of Windows for whoever connects, and its desktop's sockets. */
const OF_WINDOWS = ["/run/WSL", "/mnt/wslg/runtime-dir", "/mnt/wslg/.X11-unix"]
/** How they do: a path, `unix:` before it or a key, and more behind it. */
const NAMED_PATH = /^(?:unix:(?:path=|\/\/)?)?(\/[^,;:]*)/
/** What Linux takes of a path, in bytes, and of links on the way. */
const [LONGEST_PATH, MOST_LINKS] = [4096, 40]

/**
 * What there is of all this. `own` are the folders and files that hold this vault's keys, and what
 * this machine remembers: these folders are made, since what comes into them later is hidden too.
 */
export function hiddenFrom(own: Hidden, env: Readonly<Record<string, string | undefined>>): Hidden {
  const named = NAMING.flatMap((name) => NAMED_PATH.exec(env[name] ?? "")?.[1] ?? [])
  const sockets = [
    ...SOCKETS,
    ...named,
    ...socketsAtHome(env["HOME"]),
    ...temporaryFolders(env).flatMap(socketsIn),
  ]
  for (const folder of own.folders) make(folder)
  const folders = real([...own.folders, ...foldersOfSockets(env)], "isDirectory")
  return {
    folders,
    files: [...real(own.files, "isFile"), ...real(sockets, "isSocket")].filter(
      (path) => !folders.some((folder) => path.startsWith(`${folder}/`)),
    ),
  }
}

/**
 * Whether the way to an absolute path leads into what is hidden, be it by a link or to one. It says so
 * whether anything is there or not.
 */
export function leadsInto({ folders, files }: Hidden, path: Buffer): boolean {
  if (path.length > LONGEST_PATH) return true
  // Byte by byte: a link may lead to a name that is no UTF-8.
  const hidden = new Set([...folders, ...files].map((each) => Buffer.from(each).toString("latin1")))
  let left = namesOf(path.toString("latin1"))
  let [at, links] = ["/", 0]
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    const place = join(at, name)
    if (hidden.has(place)) return true
    const target = targetOf(place)
    if (target === undefined) return false
    if (target === "") at = place
    else if (links++ === MOST_LINKS) return true
    else {
      left = left.concat(namesOf(target))
      if (target.startsWith("/")) at = "/"
    }
  }
  return false
}

/** The last first. */
function namesOf(path: string): string[] {
  return path.split("/").filter(Boolean).toReversed()
}

/** Where a link leads; "" for what is none, undefined where we find nothing. */
function targetOf(place: string): string | undefined {
  try {
    return readlinkSync(Buffer.from(place, "latin1"), "latin1")
  } catch (error) {
    return isErrno(error, "EINVAL") ? "" : undefined
  }
}

/**
 * Of the user's services and desktop, and of terminals and editors that do what they are told to.
 * They may have begun with other variables than these, or with none: what they use then, too.
 */
function foldersOfSockets(env: Readonly<Record<string, string | undefined>>): string[] {
  const { HOME: home, USER: name, XDG_RUNTIME_DIR: runtime } = env
  const { TMUX_TMPDIR: tmux, SCREENDIR: screen, ZELLIJ_SOCKET_DIR: zellij } = env
  const user = String(getuid?.())
  return [
    ...(runtime ? [runtime] : []),
    `/run/user/${user}`,
    "/tmp/.X11-unix",
    ...OF_SERVICES,
    ...OF_WINDOWS,
    ...(home ? [join(home, ".ssh", "agent")] : []),
    ...(tmux ? [join(tmux, `tmux-${user}`)] : []),
    `/tmp/tmux-${user}`,
    ...(screen ? [screen] : []),
    "/run/screen",
    "/tmp/screens",
    "/tmp/uscreens",
    ...(home ? [join(home, ".screen")] : []),
    ...(zellij ? [zellij] : []),
    ...temporaryFolders(env).flatMap((folder) => [
      join(folder, `emacs${user}`),
      join(folder, `zellij-${user}`),
      ...[name, nameOfUser(), user].flatMap((each) => (each ? [join(folder, `nvim.${each}`)] : [])),
    ]),
  ]
}

/** As the system has it; a user in a container may have none, for whom Neovim takes the number. */
function nameOfUser(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

/** Where it cannot be made, nobody puts anything into it later. */
function make(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch {
    // It is not there.
  }
}

function socketsAtHome(home: string | undefined): string[] {
  if (!home) return []
  // Connections of SSH that are shared lie wherever its configuration says, mostly here.
  const ssh = namedIn(join(home, ".ssh"))
  return [
    ...SOCKETS_AT_HOME.map((path) => join(home, path)),
    ...namedIn(join(home, ".gnupg"), /^S\./),
    ...ssh,
    ...ssh.flatMap((each) => namedIn(each)),
  ]
}

function temporaryFolders({ TMPDIR }: Readonly<Record<string, string | undefined>>): string[] {
  return [...new Set([TMPDIR || "/tmp", "/tmp"])]
}

/** Of SSH's agents, and of VS Code: begun in other terminals, whose variables are not here. */
function socketsIn(temporary: string): string[] {
  const agents = namedIn(temporary, /^ssh-/).flatMap((folder) => namedIn(folder, /^agent\./))
  return [...agents, ...namedIn(temporary, /^vscode-.*\.sock$/)]
}

function namedIn(folder: string, isMeant = /^/): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => isMeant.test(name))
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
