import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  realpathSync,
  statSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import { FileTurn } from "../disk/file-turn.js"
import { makeFolder } from "../disk/files.js"
import { isErrno } from "../words/system-error.js"

/** Read too, for its end; without waiting for somebody at the other end, if it became a pipe. */
const CHAIN = constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_NONBLOCK
const STREAM = constants.O_APPEND | constants.O_WRONLY | constants.O_NONBLOCK
const NOT_THERE = { throwIfNoEntry: false } as const

/** A file that is open for appending, and which one it is: another may be put in its place. */
export interface OpenFile {
  readonly handle: number
  readonly device: number
  readonly inode: number
  /** Who may append, or two lines would follow the same one, a fork; undefined for a pipe or a device. */
  readonly turn: FileTurn | undefined
  /** Counts writes; `synced` of them are on the disk. */
  written: number
  synced: number
  /** Syncs that are under way or wait for one; it is closed after the last of them. */
  syncing: number
  lastSync: Promise<unknown>
  isLetGo: boolean
  /** What the system said against a sync. It says so once, and the next one would succeed. */
  lost: Error | undefined
}

/** A file of the audit, opened, and made for its user alone if it is not there. */
export function openFile(file: string): OpenFile {
  makeFolder(dirname(file), 0o700)
  const before = statSync(file, NOT_THERE)
  const isChain = before?.isFile() ?? true
  const handle = openSync(file, isChain ? CHAIN : STREAM, 0o600)
  try {
    const { dev: device, ino: inode } = fstatSync(handle)
    if (before === undefined) syncFolder(dirname(file))
    // Without links: whoever appends to it by another name takes the same turn.
    const turn = isChain ? new FileTurn(realpathSync(file)) : undefined
    const counts = { written: 0, synced: 0, syncing: 0, lastSync: Promise.resolve() }
    return { handle, device, inode, turn, ...counts, isLetGo: false, lost: undefined }
  } catch (error) {
    closeSync(handle)
    throw error
  }
}

/** A file that was made is lost with its lines, as long as its name is not on the disk. */
function syncFolder(folder: string): void {
  let handle: number | undefined
  try {
    handle = openSync(folder, constants.O_RDONLY)
    fsyncSync(handle)
  } catch (error) {
    // Windows opens no folder, and some network disks sync none.
    if (!cannotSync(error) && !isErrno(error, "EPERM", "EACCES", "EISDIR", "EBADF")) throw error
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

export function isStillThere(file: string, open: OpenFile): { readonly size: number } | undefined {
  const stat = statSync(file, NOT_THERE)
  return stat?.ino === open.inode && stat.dev === open.device ? stat : undefined
}

/**
 * Resolves to what the system says against it, now or before, if it could say anything of such a
 * file. One after another: of two at once, the system would tell only one that lines were lost.
 */
export function sync(open: OpenFile): Promise<Error | undefined> {
  open.syncing += 1
  const synced = open.lastSync.then(() => syncOnce(open))
  open.lastSync = synced
  return synced
}

function syncOnce(open: OpenFile): Promise<Error | undefined> {
  const { handle, written } = open
  return new Promise((resolve) => {
    const done = (error: Error | null): void => {
      open.syncing -= 1
      settled(open, written, error)
      closeIfDone(open)
      resolve(open.lost)
    }
    if (open.synced >= written) done(null)
    else fdatasync(handle, done)
  })
}

/** The same without the event loop. Throws what the system says now; what it said before is told. */
export function syncAtOnce(open: OpenFile): void {
  const { handle, written } = open
  if (open.synced >= written) return
  try {
    fdatasyncSync(handle)
    settled(open, written, null)
  } catch (error) {
    settled(open, written, error)
    if (open.lost === error) throw error
  }
}

function settled(open: OpenFile, written: number, error: unknown): void {
  open.synced = Math.max(open.synced, written)
  if (error instanceof Error && !cannotSync(error)) open.lost ??= error
}

/** Not before its syncs are: its number could be another file's by then. */
export function closeIfDone(open: OpenFile): void {
  if (!open.isLetGo || open.syncing > 0) return
  closeSync(open.handle)
  open.turn?.end()
}

/** Writes all or throws: a disk that is nearly full, or a pipe, may take only a part of a line. */
export function writeWhole(handle: number, text: string): number {
  const written = writeSync(handle, text)
  const length = Buffer.byteLength(text)
  if (written < length) throw new Error(`only ${written} of ${length} bytes were taken`)
  return length
}

/** Pipes and devices have nothing to sync. */
function cannotSync(error: unknown): boolean {
  return isErrno(error, "EINVAL", "ENOTSUP", "EROFS")
}
