import { BlockList, isIP } from "node:net"

/**
 * What it takes to send something to a range: a signed use that names the host, by name or as an
 * address; one that names the very address; or nothing suffices.
 */
export type Needed = "host" | "address" | "never"

/** A range of addresses that is not the public internet. */
export interface AddressRange {
  /** CIDR */
  readonly range: string
  /** For a message: "HOST is …" */
  readonly what: string
  readonly needed: Needed
}

/**
 * The special ranges, the first that holds an address decides. Sources: the registries of IANA for
 * special-purpose addresses (RFC 6890), and what the providers of clouds document of their
 * metadata. An IPv4 address inside an IPv6 address is refused: it has a notation of its own.
 */
export const RANGES: readonly AddressRange[] = [
  { range: "100.100.100.200/32", what: "a metadata address (Alibaba Cloud)", needed: "address" },
  { range: "168.63.129.16/32", what: "a metadata address (Azure)", needed: "address" },
  { range: "169.254.0.0/16", what: "link-local or a metadata address", needed: "address" },
  { range: "0.0.0.0/8", what: "this machine, unspecified", needed: "never" },
  { range: "10.0.0.0/8", what: "private", needed: "host" },
  { range: "100.64.0.0/10", what: "shared by a provider's customers", needed: "host" },
  { range: "127.0.0.0/8", what: "loopback", needed: "host" },
  { range: "172.16.0.0/12", what: "private", needed: "host" },
  { range: "192.0.0.0/24", what: "reserved for protocols", needed: "never" },
  { range: "192.0.2.0/24", what: "for documentation", needed: "never" },
  { range: "192.88.99.0/24", what: "a 6to4 relay", needed: "never" },
  { range: "192.168.0.0/16", what: "private", needed: "host" },
  { range: "198.18.0.0/15", what: "for benchmarks", needed: "host" },
  { range: "198.51.100.0/24", what: "for documentation", needed: "never" },
  { range: "203.0.113.0/24", what: "for documentation", needed: "never" },
  { range: "224.0.0.0/4", what: "multicast", needed: "never" },
  { range: "240.0.0.0/4", what: "reserved or broadcast", needed: "never" },
  { range: "::1/128", what: "loopback", needed: "host" },
  { range: "::/96", what: "unspecified, or IPv4 inside IPv6", needed: "never" },
  { range: "::ffff:0:0/96", what: "IPv4 inside IPv6", needed: "never" },
  { range: "::ffff:0:0:0/96", what: "IPv4 inside IPv6", needed: "never" },
  // On a network without IPv4, each host has one (DNS64).
  { range: "64:ff9b::/96", what: "IPv4 inside IPv6 (NAT64)", needed: "host" },
  { range: "64:ff9b:1::/48", what: "IPv4 inside IPv6 (NAT64)", needed: "never" },
  { range: "100::/64", what: "for discarding", needed: "never" },
  { range: "2001::/23", what: "reserved for protocols (Teredo)", needed: "never" },
  { range: "2001:db8::/32", what: "for documentation", needed: "never" },
  { range: "2002::/16", what: "IPv4 inside IPv6 (6to4)", needed: "never" },
  { range: "3fff::/20", what: "for documentation", needed: "never" },
  { range: "fd00:ec2::/32", what: "a metadata address (AWS)", needed: "address" },
  { range: "fd20:ce::254/128", what: "a metadata address (Google Cloud)", needed: "address" },
  { range: "fc00::/7", what: "private", needed: "host" },
  { range: "fe80::/10", what: "link-local", needed: "address" },
  { range: "fec0::/10", what: "site-local", needed: "never" },
  { range: "ff00::/8", what: "multicast", needed: "never" },
]

const PUBLIC_IPV6 = blockList("2000::/3")
const LISTS = RANGES.map((row) => ({ row, list: blockList(row.range) }))

/** The special range of an address, undefined if it is the public internet. Pure. */
export function rangeOf(address: string): AddressRange | undefined {
  const family = isIP(address)
  if (family === 0 || address.includes("%")) {
    return { range: address, what: "not an address without a zone", needed: "never" }
  }
  const type = family === 4 ? "ipv4" : "ipv6"
  const special = LISTS.find(({ row, list }) => isOfType(row, type) && list.check(address, type))
  if (special) return special.row
  if (type === "ipv4" || PUBLIC_IPV6.check(address, type)) return undefined
  return { range: "::/0", what: "outside of what is assigned", needed: "never" }
}

/** A list of IPv4 ranges finds IPv4 inside IPv6 too, which has rows of its own. */
function isOfType({ range }: AddressRange, type: "ipv4" | "ipv6"): boolean {
  return range.includes(":") === (type === "ipv6")
}

function blockList(range: string): BlockList {
  const [network = "", bits] = range.split("/")
  const list = new BlockList()
  list.addSubnet(network, Number(bits), range.includes(":") ? "ipv6" : "ipv4")
  return list
}
