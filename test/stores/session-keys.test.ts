import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { MotoServer } from "./moto-server.js"
import { giveAws, noAws } from "./store-programs.js"

const NAME = "stripe/api-key"
const ROLE = "arn:aws:iam::123456789012:role/reader"
const OTHER = "arn:aws:iam::123456789012:role/other"
const policyOf = (action: string, resource: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: action, Resource: resource }],
  })
const trustOf = (principal: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole" }],
  })

let server: MotoServer
let machine: Machine
/** A long-lived key of the user agents, as AWS's program prints it. */
let key = ""

beforeAll(async () => {
  if (noAws !== undefined) return
  server = await MotoServer.start()
  await server.iam("CreateUser", { UserName: "agents" })
  await server.iam("PutUserPolicy", {
    UserName: "agents",
    PolicyName: "assumes",
    PolicyDocument: policyOf("sts:AssumeRole", ROLE),
  })
  // AWS itself asks for no leave to do this.
  await server.iam("PutUserPolicy", {
    UserName: "agents",
    PolicyName: "sessions",
    PolicyDocument: policyOf("sts:GetSessionToken", "*"),
  })
  for (const RoleName of ["reader", "other"]) {
    const AssumeRolePolicyDocument = trustOf("arn:aws:iam::123456789012:user/agents")
    await server.iam("CreateRole", { RoleName, AssumeRolePolicyDocument })
  }
  await server.iam("PutRolePolicy", {
    RoleName: "reader",
    PolicyName: "reads",
    PolicyDocument: policyOf("secretsmanager:GetSecretValue", "*"),
  })
  const secret = { Name: "prod/a", SecretString: "read-with-a-session" }
  await server.secrets("eu-west-1", "CreateSecret", secret)
})
beforeEach(async () => {
  if (noAws !== undefined) return
  machine = await vaultMachine()
  giveAws(machine)
  const roots = join(machine.home, "roots.pem")
  cpSync(server.authority, roots)
  Object.assign(machine.env, {
    SSL_CERT_FILE: roots,
    AWS_CA_BUNDLE: roots,
    AWS_ENDPOINT_URL: server.url,
    AWS_MAX_ATTEMPTS: "1",
    AWS_EC2_METADATA_DISABLED: "true",
  })
  if (key === "") {
    const made = await machine.shell(
      `AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=us-east-1 \\
         aws iam create-access-key --user-name agents --output json`,
    )
    expect(made).toMatchObject({ stderr: "", code: 0 })
    key = made.stdout
    await server.lookWhoAsks()
  }
})
afterEach(() => machine?.remove())
afterAll(() => server?.stop())

async function lease(sealed: string, ...more: readonly string[]): Promise<void> {
  writeFileSync(join(machine.home, "key"), sealed)
  const said = ["region=eu-west-1", `endpoint=${server.url}`, "duration=900", ...more]
  const words = said.map((each) => `--with '${each}'`).join(" ")
  const set = await machine.shell(
    `agent-vault set ${NAME} --lease aws-sts ${words} < ~/key && rm ~/key`,
  )
  expect(set).toMatchObject({ code: 0 })
}

const got = (): Promise<Ran> => machine.shell(`agent-vault get ${NAME} --agent ci`)

describe("keys of a role", () => {
  testUnless(noAws, "are what AWS's program takes from a credential_process", async () => {
    await lease(key, `role=${ROLE}`)
    mkdirSync(join(machine.home, ".aws"))
    writeFileSync(
      join(machine.home, ".aws", "config"),
      `[profile agents]
region = eu-west-1
credential_process = agent-vault get ${NAME} --agent ci
`,
    )
    const asked = await machine.shell(
      "aws sts get-caller-identity --profile agents --query Arn --output text",
    )
    expect(asked).toEqual({
      stdout: "arn:aws:sts::123456789012:assumed-role/reader/agent-vault-ci\n",
      stderr: "",
      code: 0,
    })
  })

  testUnless(
    noAws,
    "are good for what the role may, in a program, and for nothing else",
    async () => {
      await lease(key, `role=${ROLE}`, "value={access_key_id} {secret_access_key} {session_token}")
      const script = join(machine.home, "script")
      writeFileSync(
        script,
        `set -- $KEYS; export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3
export AWS_DEFAULT_REGION=eu-west-1
aws secretsmanager get-secret-value --secret-id prod/a --query SecretString --output text
aws iam list-users || echo refused`,
      )
      const ran = await machine.shell(`agent-vault run -s ${NAME}=KEYS --agent ci -- sh ${script}`)
      expect(ran).toMatchObject({ stdout: "read-with-a-session\nrefused\n", code: 0 })
      expect(ran.stderr).toContain("AccessDenied")
    },
  )
})

testUnless(noAws, "keys of the key's own user end in the time that the record says", async () => {
  await lease(key)
  const { stdout, stderr } = await got()
  expect(stderr).toBe("")
  const said = JSON.parse(stdout) as Readonly<Record<string, string>>
  expect(Object.keys(said)).toEqual([
    "Version",
    "AccessKeyId",
    "SecretAccessKey",
    "SessionToken",
    "Expiration",
  ])
  const left = Date.parse(said["Expiration"] ?? "") - Date.now()
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(900_000)
})

async function refused(code: string): Promise<void> {
  const read = await got()
  expect(read).toMatchObject({ stdout: "", code: 6 })
  const { host } = new URL(server.url)
  expect(read.stderr).toContain(`has no lease from ${host}: it answers 403, ${code}`)
  const ran = await machine.shell(`agent-vault run -s ${NAME} --agent ci -- echo began`)
  expect(ran).toMatchObject({ stdout: "", code: 125 })
}
const parts = (): { readonly AccessKeyId: string; readonly SecretAccessKey: string } =>
  (JSON.parse(key) as { AccessKey: { AccessKeyId: string; SecretAccessKey: string } }).AccessKey

describe("what is refused there is told with its mend:", () => {
  testUnless(noAws, "another secret", async () => {
    await lease(`${parts().AccessKeyId}:${"not/a/real/secret".padEnd(40, "0")}`, `role=${ROLE}`)
    await refused("SignatureDoesNotMatch")
  })

  testUnless(noAws, "a role that the user may not assume", async () => {
    await lease(key, `role=${OTHER}`)
    await refused("AccessDenied")
  })

  testUnless(noAws, "a key that is not known", async () => {
    await lease(`${"AKIA".padEnd(20, "TESTKEY0")}:${parts().SecretAccessKey}`, `role=${ROLE}`)
    await refused("InvalidClientTokenId")
  })
})
