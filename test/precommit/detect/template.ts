import {
  base62Crc,
  bech32Checksum,
  littleEndianCrc,
} from "../../../src/precommit/encoded/checksum.js"
import { entropyToMnemonic } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { seeded } from "../../../scripts/seeded.mjs"

const LOWER = "abcdefghijklmnopqrstuvwxyz"
const UPPER = LOWER.toUpperCase()
const DIGITS = "0123456789"
const BASE62 = DIGITS + UPPER + LOWER

const alphabets = new Map([
  ["base62", BASE62],
  ["base64", `${BASE62}+/`],
  ["base64url", `${BASE62}-_`],
  ["hex", "0123456789abcdef"],
  ["HEX", "0123456789ABCDEF"],
  ["lower", LOWER],
  ["upper", UPPER],
  ["digits", DIGITS],
  ["base58", "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"],
  ["alnum", DIGITS + LOWER],
  ["ALNUM", DIGITS + UPPER],
  ["base32", `${LOWER}234567`],
  ["base32up", `${UPPER}234567`],
  ["bech32", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"],
  ["lower32", "qpzry9x8gf2tvdw0s3jn54khce6mua7l"],
])

/** Makes the same texts from the same seed, so that a failure can be seen again. */
export class Generator {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = seeded(seed)
  }

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return (this.#next() * 2 ** 32) % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  text(alphabet: string, count: number): string {
    return Array.from({ length: count }, () => alphabet[this.below(alphabet.length)]).join("")
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)))
  }
}

/**
 * Expands a template: `{base62:20}` becomes twenty characters of that alphabet, `{uuid}`, `{jwt}`,
 * `{pem:RSA PRIVATE KEY}` and the like become one of those. So no file of this repository holds
 * anything that a scanner of its host would take for a secret.
 */
export function expand(template: string, generator: Generator): string {
  return template.replace(
    /\{(\w+)(?::([\w -]+))?\}/g,
    (whole: string, name: string, argument: string = "") => {
      const alphabet = alphabets.get(name)
      if (alphabet && /^\d+$/.test(argument)) return generator.text(alphabet, Number(argument))
      return special(name, argument, generator) ?? whole
    },
  )
}

function special(name: string, argument: string, generator: Generator): string | undefined {
  switch (name) {
    case "uuid": {
      const hex = generator.bytes(16).toString("hex")
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
    }
    case "crc": {
      const body = generator.text(BASE62, Number(argument))
      return body + base62Crc(body)
    }
    case "grafana": {
      const body = `glsa_${generator.text(BASE62, 32)}`
      return `${body}_${littleEndianCrc(body)}`
    }
    case "share": {
      const head = `agent-vault-share-1:${generator.bytes(16).toString("hex")}:alice:bob:2of3:${generator.bytes(4).toString("hex")}:s`
      const data = generator.text(alphabets.get("lower32") ?? "", 53)
      return `${head}1${data}${bech32Checksum(head, data)}`
    }
    case "age": {
      const prefix = argument || "AGE-SECRET-KEY-"
      const data = generator.text(alphabets.get("lower32") ?? "", 52)
      const key = `${prefix}1${data}${bech32Checksum(prefix.toLowerCase(), data)}`
      return prefix === prefix.toLowerCase() ? key : key.toUpperCase()
    }
    // The key of a wallet: so many bytes in words.
    case "words":
      return entropyToMnemonic(generator.bytes(Number(argument)), wordlist)
    case "b64":
      return generator.bytes(Number(argument)).toString("base64")
    case "basic":
      return Buffer.from(`ci:${generator.text(BASE62, 20)}`).toString("base64")
    case "discord":
      return Buffer.from(`1${generator.text(DIGITS, 17)}`).toString("base64")
    case "jwt": {
      const claims = { sub: generator.text(DIGITS, 8), iat: 1_700_000_000 + generator.below(9e7) }
      const parts = [{ alg: "HS256", typ: "JWT" }, claims].map((part) =>
        Buffer.from(JSON.stringify(part)).toString("base64url"),
      )
      return `${parts.join(".")}.${generator.text(`${BASE62}-_`, 43)}`
    }
    // A token in Base64 once more, as Kubernetes keeps it.
    case "jwt64":
      return Buffer.from(expand("{jwt}", generator)).toString("base64")
    case "pem":
      return pem(argument, generator)
    // A key on one line, as in JSON and in env files.
    case "pemline":
      return `${pem(argument, generator)}\n`.replaceAll("\n", "\\n")
    // A key as a text of Java, joined line by line.
    case "pemjava":
      return pem(argument, generator).replaceAll("\n", '\\n" +\n      "')
    // A whole armoured key in Base64, as in a kubeconfig.
    case "pem64":
      return Buffer.from(`${pem(argument, generator)}\n`).toString("base64")
    // A key under a passphrase, in the form that OpenSSL wrote before PKCS #8.
    case "pemlocked": {
      const iv = generator.bytes(16).toString("hex").toUpperCase()
      const headers = `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,${iv}\n\n`
      return pem(argument, generator).replace("\n", `\n${headers}`)
    }
    case "openvpn": {
      const body = generator.bytes(256).toString("hex").replace(/.{32}/g, "$&\n").trimEnd()
      const title = "OpenVPN Static key V1"
      return `-----BEGIN ${title}-----\n${body}\n-----END ${title}-----`
    }
    case "openssh": {
      const head = [Buffer.from("openssh-key-v1\0"), withLength(Buffer.from(argument))]
      return armoured(
        "OPENSSH PRIVATE KEY",
        Buffer.concat([...head, generator.bytes(300)]),
        "-----",
      )
    }
  }
  return undefined
}

function pem(title: string, generator: Generator): string {
  return armoured(title, generator.bytes(title.startsWith("PGP") ? 600 : 400), "-----")
}

function armoured(title: string, bytes: Buffer, line: string): string {
  const body = bytes.toString("base64").replace(/.{64}/g, "$&\n").trimEnd()
  return `${line}BEGIN ${title}${line}\n${body}\n${line}END ${title}${line}`
}

/** As SSH writes a field (RFC 4251, 5): its length in four bytes before it. */
function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
