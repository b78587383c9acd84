/** A kind of client: how it is told, and what it follows. */
export interface ClientKind {
  readonly name: string
  /** The programs that are one, or have one in them, by the names they are started by. */
  readonly programs: readonly string[]
  /** How it calls itself on the way to a proxy, if it does. */
  readonly callsItself?: RegExp
  /** By what it finds the broker, and what keeps it from that. */
  readonly follows: string
  /** By what it finds our authority, and what keeps it from that. */
  readonly trusts: string
  /** Why it may come without the token, where that is known. */
  readonly token?: string
}

/** What is to be known of the clients of docs/broker.md, whose table has a row for each. */
export const CLIENT_KINDS: readonly ClientKind[] = [
  {
    name: "curl",
    programs: ["curl"],
    callsItself: /^curl\//,
    follows: "it reads HTTPS_PROXY; --noproxy, --proxy and ~/.curlrc come before: leave them out",
    trusts: "it reads CURL_CA_BUNDLE; --cacert, --capath and ~/.curlrc come before: leave them out",
  },
  {
    name: "git",
    programs: ["git"],
    callsItself: /^git\//,
    follows: "it reads HTTPS_PROXY; http.proxy of its configuration comes before: unset it",
    trusts: "it reads GIT_SSL_CAINFO; http.sslBackend=schannel of its configuration does not",
  },
  {
    name: "gh",
    programs: ["gh"],
    callsItself: /^GitHub CLI/,
    follows: "it reads HTTPS_PROXY; http_unix_socket of its configuration comes before: unset it",
    trusts: "it reads SSL_CERT_FILE, on Linux",
  },
  {
    name: "AWS CLI",
    programs: ["aws"],
    callsItself: /^aws-cli/,
    follows: "it reads HTTPS_PROXY",
    trusts: "it reads AWS_CA_BUNDLE; --ca-bundle and ca_bundle of its profile come before",
  },
  {
    name: "Python",
    programs: ["python", "python3", "pip", "pip3", "pytest", "ipython", "httpx"],
    callsItself: /python|urllib/i,
    follows:
      "urllib, requests and httpx read HTTPS_PROXY, unless told trust_env=False or other proxies; aiohttp does with trust_env=True only",
    trusts:
      "requests reads REQUESTS_CA_BUNDLE; urllib, httpx and aiohttp read SSL_CERT_FILE; verify=FILE, or an SSL context of the program's own, comes before",
  },
  {
    name: "Node",
    programs: ["node", "npm", "npx", "pnpm", "yarn", "tsx", "claude", "codex", "gemini"],
    callsItself: /^(?:node|undici|axios)/i,
    follows:
      "before 22.21 it reads no variable, and follows by our preload in NODE_OPTIONS: leave out --no-preload; a program that clears its environment, or has a dispatcher of its own, goes round",
    trusts:
      "it reads NODE_EXTRA_CA_CERTS when it starts; a program that gives `ca` itself trusts those alone",
  },
  {
    name: "Go",
    programs: ["go"],
    callsItself: /^Go-http-client/,
    follows:
      "net/http reads HTTPS_PROXY; a Transport of the program's own needs Proxy: http.ProxyFromEnvironment",
    trusts: "it reads SSL_CERT_FILE, on Linux; RootCAs of the program's own come before",
  },
  {
    name: "Java",
    programs: ["java", "javac", "mvn", "gradle", "kotlin"],
    callsItself: /^Java/,
    follows: "it reads JAVA_TOOL_OPTIONS; a ProxySelector of the program's own comes before",
    trusts: "it reads JAVA_TOOL_OPTIONS; an SSLContext of the program's own comes before",
    token: "Java cannot show a proxy's token: run it isolated, where none is asked for",
  },
  {
    name: "Deno",
    programs: ["deno"],
    callsItself: /^Deno/,
    follows: "its fetch reads HTTPS_PROXY; its node:https does not",
    trusts: "it reads DENO_CERT",
  },
  {
    name: "Cargo",
    programs: ["cargo"],
    follows: "it reads HTTPS_PROXY; http.proxy of its configuration comes before",
    trusts: "it reads CARGO_HTTP_CAINFO",
  },
]

/** For a client that is none of these. */
const ANY: Pick<ClientKind, "follows" | "trusts"> = {
  follows:
    "look what it reads: HTTPS_PROXY is set, in both cases; one that takes a proxy as an option gets it as $HTTPS_PROXY",
  trusts:
    "look what it reads: SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE and NODE_EXTRA_CA_CERTS name the authority; one that takes a file as an option gets $SSL_CERT_FILE",
}

/** The kinds that a client may be of, by its command line and by what it called itself. */
export function kindsOf(
  command: readonly string[],
  calledItself: ReadonlySet<string>,
): readonly ClientKind[] {
  const said = CLIENT_KINDS.filter(({ callsItself }) =>
    [...calledItself].some((name) => callsItself?.test(name) === true),
  )
  if (said.length > 0) return said
  // A line for a shell names programs too.
  const words = new Set(command.flatMap((word) => word.split(/[\s;|&()"'`]+/)).map(programOf))
  return CLIENT_KINDS.filter(({ programs }) => programs.some((program) => words.has(program)))
}

/** One hint for each kind, with its name where there is more than one. */
export function hintOf(kinds: readonly ClientKind[], what: "follows" | "trusts"): string {
  const [only, ...others] = kinds
  if (only === undefined) return ANY[what]
  if (others.length === 0) return `${only.name}: ${only[what]}`
  return kinds.map((kind) => `${kind.name}: ${kind[what]}`).join(". ")
}

/** `/usr/bin/python3.11` is python3. */
function programOf(word: string): string {
  const name = word.slice(word.lastIndexOf("/") + 1)
  return name.replace(/\.exe$|\.\d+$/, "")
}
