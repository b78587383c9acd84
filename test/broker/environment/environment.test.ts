import { execFileSync, spawnSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { rootCertificates } from "node:tls"
import { expect, test } from "vitest"
import { Authority } from "../../../src/broker/authority/authority.js"
import { clientEnvironment } from "../../../src/broker/environment/client-environment.js"
import { javaTrustStore } from "../../../src/broker/environment/java-trust-store.js"
import { TrustFolder } from "../../../src/broker/environment/trust-files.js"
import { testUnless } from "../../needs.js"

const proxy = "http://x:token@127.0.0.1:8118"
const trust = {
  authority: "/tmp/a b/authority.pem",
  bundle: "/tmp/a b/bundle.pem",
  javaStore: "/tmp/a b/java.p12",
  remove: () => {},
}
const wayOut = { proxy, trust, preload: "/opt/a b/preload.cjs", isLocalBound: false }

test("the proxy is named in both cases, and what takes a file gets one", () => {
  const given = clientEnvironment(wayOut, {})
  for (const name of ["HTTP_PROXY", "https_proxy", "ALL_PROXY"]) expect(given[name]).toBe(proxy)
  expect(given["NO_PROXY"]).toBe("localhost,127.0.0.1,::1")
  // What these have is in addition to the client's own roots.
  expect([given["NODE_EXTRA_CA_CERTS"], given["DENO_CERT"]]).toEqual(Array(2).fill(trust.authority))
  expect([given["SSL_CERT_FILE"], given["AWS_CA_BUNDLE"]]).toEqual(Array(2).fill(trust.bundle))
})

test("this machine is not left out where a use names it", () => {
  const given = clientEnvironment({ ...wayOut, isLocalBound: true }, {})
  expect([given["NO_PROXY"], given["no_proxy"]]).toEqual(["", ""])
})

test("a user's own options stay in front, and paths with blanks are quoted", () => {
  const own = { NODE_OPTIONS: "--max-old-space-size=100", JAVA_TOOL_OPTIONS: "-Xmx64m" }
  const given = clientEnvironment(wayOut, own)
  expect(given["NODE_OPTIONS"]).toBe(`${own.NODE_OPTIONS} --require "/opt/a b/preload.cjs"`)
  expect(given["JAVA_TOOL_OPTIONS"]).toMatch(/^-Xmx64m .*-Dhttps\.proxyPort=8118/)
  expect(given["JAVA_TOOL_OPTIONS"]).toContain(`"-Djavax.net.ssl.trustStore=${trust.javaStore}"`)
})

test("without the preload, the user's NODE_OPTIONS are not touched", () => {
  const given = clientEnvironment({ ...wayOut, preload: undefined }, { NODE_OPTIONS: "--x" })
  expect(given).not.toHaveProperty("NODE_OPTIONS")
})

test("the files are the user's alone, hold no key, and are removed", () => {
  const folder = new TrustFolder("")
  const { files } = folder
  folder.write(() => Authority.make(["api.example.com"]).pem)
  for (const file of [files.authority, files.bundle, files.javaStore]) {
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, "latin1")).not.toContain("PRIVATE")
  }
  expect(statSync(dirname(files.authority)).mode & 0o777).toBe(0o700)
  folder.remove()
  expect(existsSync(dirname(files.authority))).toBe(false)
})

test("the files are there when they are due, whether they were asked for before or are since", () => {
  const [before, since] = [1, 2].map(() => new TrustFolder("roots"))
  const { authority: file } = before?.files ?? {}
  expect(existsSync(file ?? "")).toBe(false)
  for (const folder of [before, since]) {
    folder?.write(() => "the authority\n")
    const { authority = "", bundle = "" } = folder?.files ?? {}
    expect(readFileSync(authority, "utf8")).toBe("the authority\n")
    expect(readFileSync(bundle, "utf8")).toBe("roots\nthe authority\n")
    folder?.remove()
  }
})

test("Java's store holds each certificate as it is, and nothing that is none", () => {
  const [one = "", other = ""] = rootCertificates
  const cut = one.replace(/\n[^\n]+\n(?=-----END)/, "\n")
  const none = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----"
  const empty = "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----"
  const store = javaTrustStore(["# a comment", one, cut, none, empty, other].join("\n"))
  for (const each of [one, other]) expect(store.includes(new X509Certificate(each).raw)).toBe(true)
  expect(store.equals(javaTrustStore(`${one}\n${other}`))).toBe(true)
})

const noKeytool =
  spawnSync("keytool", ["-help"]).error === undefined ? undefined : "needs keytool: install Java"

testUnless(noKeytool, "Java reads its store, as one that it trusts", () => {
  const folder = new TrustFolder("")
  const { files } = folder
  folder.write(() => Authority.make(["api.example.com"]).pem)
  const list = ["-list", "-keystore", files.javaStore, "-storetype", "PKCS12", "-storepass", ""]
  const told = execFileSync("keytool", list, { encoding: "utf8", input: "\n" })
  folder.remove()
  expect(told).toContain("trustedCertEntry")
})
