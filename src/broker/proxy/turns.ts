import type { Duplex } from "node:stream"

/** Requests that a connection may have before the first has its answer: each takes memory. */
const MOST_AHEAD = 100

/** What goes on on connections: on each, one work after the other. */
export class Turns {
  readonly #going = new WeakMap<Duplex, { last: Promise<void>; length: number }>()

  /** Whether something goes on there, or waits. */
  has(socket: Duplex): boolean {
    return this.#going.has(socket)
  }

  /** Work after what goes on there; what fails, or comes in very great number, ends that connection alone. */
  take(socket: Duplex, work: () => void | Promise<void>): void {
    const going = this.#going.get(socket) ?? { last: Promise.resolve(), length: 0 }
    this.#going.set(socket, going)
    going.length += 1
    if (going.length > MOST_AHEAD) socket.destroy()
    going.last = going.last
      // Nothing is begun for who is gone.
      .then(() => (socket.destroyed ? undefined : work()))
      .catch(() => void socket.destroy())
      .finally(() => {
        going.length -= 1
        if (going.length === 0) this.#going.delete(socket)
      })
  }
}
