import type { TrustFiles } from "./trust-files.js"

/** What programs have to know to send their requests through the broker. */
interface WayOut {
  /** `http://x:TOKEN@127.0.0.1:PORT` */
  readonly proxy: string
  readonly trust: TrustFiles
  /** What makes a Node follow all this; undefined leaves its programs as they are. */
  readonly preload: string | undefined
  /** Whether a use names this machine: then its names are not reached past the broker. */
  readonly isLocalBound: boolean
}

/** This machine's own names: what a program starts for itself it reaches directly. */
const LOCAL = "localhost,127.0.0.1,::1"

/**
 * The variables by which programs are led through the broker, and trust its authority. Some take a
 * file in addition to their own roots, and get the authority alone; most take a file in place of
 * them, and get the user's roots too. `own` is the environment that it is added to.
 */
export function clientEnvironment(
  { proxy, trust, preload, isLocalBound }: WayOut,
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const { authority, bundle } = trust
  return {
    ...bothCases("HTTP_PROXY", proxy),
    ...bothCases("HTTPS_PROXY", proxy),
    ...bothCases("ALL_PROXY", proxy),
    ...bothCases("NO_PROXY", isLocalBound ? "" : LOCAL),
    // Node from 22.21 and 24.5 on; the preload does it for the earlier ones.
    NODE_USE_ENV_PROXY: "1",
    NODE_EXTRA_CA_CERTS: authority,
    DENO_CERT: authority,
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    CURL_CA_BUNDLE: bundle,
    PIP_CERT: bundle,
    GIT_SSL_CAINFO: bundle,
    CARGO_HTTP_CAINFO: bundle,
    AWS_CA_BUNDLE: bundle,
    JAVA_TOOL_OPTIONS: joined(own["JAVA_TOOL_OPTIONS"], javaOptions(proxy, trust.javaStore)),
    ...(preload === undefined
      ? {}
      : { NODE_OPTIONS: joined(own["NODE_OPTIONS"], `--require ${quoted(preload)}`) }),
  }
}

/** The names of all that it may set. */
export function clientVariables(): readonly string[] {
  const trust = { authority: "", bundle: "", javaStore: "" }
  const wayOut = { proxy: "http://localhost", trust, preload: "", isLocalBound: false }
  return Object.keys(clientEnvironment(wayOut, {}))
}

function bothCases(name: string, value: string): Record<string, string> {
  return { [name]: value, [name.toLowerCase()]: value }
}

/** Java knows no variable, and no password in a proxy's address. */
function javaOptions(proxy: string, store: string): string {
  const { hostname, port } = new URL(proxy)
  return [
    ...["http", "https"].flatMap((scheme) => [
      `-D${scheme}.proxyHost=${hostname}`,
      `-D${scheme}.proxyPort=${port}`,
    ]),
    quoted(`-Djavax.net.ssl.trustStore=${store}`),
    "-Djavax.net.ssl.trustStoreType=PKCS12",
  ].join(" ")
}

/** Node and Java take a word with blanks in double quotes. */
function quoted(word: string): string {
  return /[\s"]/.test(word) ? `"${word.replaceAll(/(["\\])/g, "\\$1")}"` : word
}

function joined(before: string | undefined, more: string): string {
  return before ? `${before} ${more}` : more
}
