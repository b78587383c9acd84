import { describe, expect, test } from "vitest"
import { RANGES, rangeOf } from "../../../src/core/target/ranges.js"

test.each([
  // What a signed use of the host permits.
  ["10.0.0.0", "host"],
  ["10.255.255.255", "host"],
  ["100.64.0.1", "host"],
  ["100.127.255.255", "host"],
  ["127.0.0.1", "host"],
  ["127.255.255.255", "host"],
  ["172.16.0.0", "host"],
  ["172.31.255.255", "host"],
  ["192.168.0.0", "host"],
  ["192.168.255.255", "host"],
  ["198.18.0.0", "host"],
  ["198.19.255.255", "host"],
  ["::1", "host"],
  ["64:ff9b::a9fe:a9fe", "host"],
  ["fc00::1", "host"],
  ["fdff:ffff::1", "host"],
  // What only a signed use of the address permits.
  ["100.100.100.200", "address"],
  ["168.63.129.16", "address"],
  ["169.254.0.0", "address"],
  ["169.254.169.254", "address"],
  ["169.254.255.255", "address"],
  ["fd00:ec2::254", "address"],
  ["fd20:ce::254", "address"],
  ["fe80::1", "address"],
  ["febf::1", "address"],
  // What nothing permits.
  ["0.0.0.0", "never"],
  ["0.255.255.255", "never"],
  ["192.0.0.0", "never"],
  ["192.0.0.192", "never"],
  ["192.0.2.1", "never"],
  ["192.88.99.1", "never"],
  ["198.51.100.1", "never"],
  ["203.0.113.1", "never"],
  ["224.0.0.1", "never"],
  ["239.255.255.255", "never"],
  ["240.0.0.0", "never"],
  ["255.255.255.255", "never"],
  ["::", "never"],
  ["::7f00:1", "never"],
  ["::127.0.0.1", "never"],
  ["::ffff:7f00:1", "never"],
  ["::ffff:127.0.0.1", "never"],
  ["::ffff:8.8.8.8", "never"],
  ["::ffff:0:7f00:1", "never"],
  ["64:ff9b:1::7f00:1", "never"],
  ["100::1", "never"],
  ["2001::1", "never"],
  ["2001:1ff::1", "never"],
  ["2001:db8::1", "never"],
  ["2002:7f00:1::", "never"],
  ["3fff::1", "never"],
  ["4000::1", "never"],
  ["5f00::1", "never"],
  ["fec0::1", "never"],
  ["ff02::1", "never"],
  // What is no address.
  ["fe80::1%eth0", "never"],
  ["2606:4700::1%1", "never"],
  ["0x7f000001", "never"],
  ["127.1", "never"],
  ["localhost", "never"],
  ["", "never"],
])("%s needs %s", (address, needed) => {
  expect(rangeOf(address)?.needed).toBe(needed)
})

test.each([
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "168.63.129.15",
  "168.63.129.17",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "191.255.255.255",
  "192.0.1.0",
  "192.0.3.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2000::1",
  "2001:200::1",
  "2001:4860:4860::8888",
  "2001:db7::1",
  "2001:db9::1",
  "2003::1",
  "2606:4700:4700::1111",
  "3ffe::1",
])("%s is the public internet", (address) => {
  expect(rangeOf(address)).toBeUndefined()
})

describe("the table", () => {
  test.each(RANGES)("has $range, which no earlier row takes away", (row) => {
    const [network = ""] = row.range.split("/")
    expect(rangeOf(network)).toBe(row)
  })
})
