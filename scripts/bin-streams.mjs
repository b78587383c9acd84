// What age-encryption needs of the streams of the web, over values that are in memory: in the
// bundle these stand for Node's own, which take as long to load as all else that `get` does. The
// names are those of the standard. test/cli/bin-streams.test.ts runs all tests of age upon them.

/** A stream whose chunks come from an iterable, each when it is asked for. */
export class ReadableStream {
  /** @type {Iterator<Uint8Array>} */
  #chunks

  /** @param {{ start?(controller: Controller): void }} [source] */
  constructor(source) {
    const controller = new Controller()
    source?.start?.(controller)
    this.#chunks = controller.chunks[Symbol.iterator]()
  }

  /** A reader that lets go leaves what it did not read to the next one. */
  getReader() {
    return { read: () => this.#read(), releaseLock() {} }
  }

  /** @param {TransformStream} transform */
  pipeThrough(transform) {
    const piped = new ReadableStream()
    piped.#chunks = transform.over({ [Symbol.iterator]: () => this.#chunks })
    return piped
  }

  [Symbol.asyncIterator]() {
    return { next: () => this.#read() }
  }

  /** @returns {Promise<IteratorResult<Uint8Array>>} */
  #read() {
    return new Promise((resolve) => resolve(this.#chunks.next()))
  }
}

export class TransformStream {
  #transformer

  /**
   * @param {{
   *   start?(controller: Controller): void
   *   transform?(chunk: Uint8Array, controller: Controller): void
   *   flush?(controller: Controller): void
   * }} [transformer]
   */
  constructor(transformer = {}) {
    this.#transformer = transformer
  }

  /**
   * The chunks of `source`, transformed.
   *
   * @param {Iterable<Uint8Array>} source
   */
  *over(source) {
    const controller = new Controller()
    this.#transformer.start?.(controller)
    yield* controller.taken()
    for (const chunk of source) {
      if (this.#transformer.transform) this.#transformer.transform(chunk, controller)
      else controller.enqueue(chunk)
      yield* controller.taken()
    }
    this.#transformer.flush?.(controller)
    yield* controller.taken()
  }
}

class Controller {
  /** @type {Uint8Array[]} */
  chunks = []

  /** @param {Uint8Array} chunk */
  enqueue(chunk) {
    this.chunks.push(chunk)
  }

  close() {}

  /** What was put in since, which is then taken out. */
  taken() {
    return this.chunks.splice(0)
  }
}
