/**
 * The head of a request over HTTP/1.1, as Node's parser gives it: one character for each byte
 * (latin1), so that it can be sent on as it came.
 */
export interface RequestHead {
  readonly method: string
  /** The origin form: path and query, as they were sent (RFC 9112, section 3.2.1). */
  readonly target: string
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[]
}

/** The path of the request, as it was sent, without the query. */
export function rawPathOf({ target }: RequestHead): string {
  return target.split("?", 1).join()
}

/** All values of a header, as they were sent. The name is in lower case. */
export function headerValues({ rawHeaders }: RequestHead, name: string): string[] {
  return rawHeaders.filter(
    (_, at) => at % 2 === 1 && (rawHeaders[at - 1] ?? "").toLowerCase() === name,
  )
}

/** The same head with another value wherever a header has one. The name is in lower case. */
export function withHeader(head: RequestHead, name: string, value: string): RequestHead {
  const rawHeaders = head.rawHeaders.map((text, at) =>
    at % 2 === 1 && (head.rawHeaders[at - 1] ?? "").toLowerCase() === name ? value : text,
  )
  return { ...head, rawHeaders }
}
