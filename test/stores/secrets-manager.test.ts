import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "vitest"
import { type Machine, type Ran, vaultMachine } from "../cli/machine.js"
import { testUnless } from "../needs.js"
import { MotoServer } from "./moto-server.js"
import { giveAws, noAws } from "./store-programs.js"

const NAME = "stripe/api-key"
const VALUE = "not-a-real-größe 💶\n"

let server: MotoServer
let machine: Machine
/** The whole name of a secret. */
let arn = ""
/** What signs in, as the variables of AWS's program, and what may not read. */
let key: Readonly<Record<string, string>> = {}
let otherKey: Readonly<Record<string, string>> = {}

beforeAll(async () => {
  if (noAws !== undefined) return
  server = await MotoServer.start()
  const make = async (region: string, Name: string, value: object): Promise<string> => {
    const made = await server.secrets(region, "CreateSecret", { Name, ...value })
    return (JSON.parse(made) as { ARN: string }).ARN
  }
  arn = await make("eu-west-1", "prod/stripe", { SecretString: VALUE })
  await make("us-east-2", "prod/stripe", { SecretString: "of-the-other-region" })
  await make("eu-west-1", "prod/db", { SecretString: '{"password":"of-json","port":5432}' })
  const SecretBinary = Buffer.from([0xff, 0, 10]).toString("base64")
  await make("eu-west-1", "prod/bytes", { SecretBinary })
  await make("eu-west-1", "prod/gone", { SecretString: "gone" })
  await server.secrets("eu-west-1", "DeleteSecret", { SecretId: "prod/gone" })
  key = await keyOf("reader", "secretsmanager:*")
  otherKey = await keyOf("lister", "iam:ListUsers")
  await server.lookWhoAsks()
})
beforeEach(async () => {
  if (noAws !== undefined) return
  machine = await vaultMachine()
  giveAws(machine)
  Object.assign(machine.env, key, {
    AWS_CA_BUNDLE: server.authority,
    AWS_ENDPOINT_URL: server.url,
    AWS_DEFAULT_REGION: "eu-west-1",
    AWS_MAX_ATTEMPTS: "1",
  })
})
afterEach(() => machine?.remove())
afterAll(() => server?.stop())

/** The key of a new user, who may do this. */
async function keyOf(user: string, Action: string): Promise<Readonly<Record<string, string>>> {
  await server.iam("CreateUser", { UserName: user })
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action, Resource: "*" }],
  })
  await server.iam("PutUserPolicy", { UserName: user, PolicyName: "own", PolicyDocument })
  const made = await server.iam("CreateAccessKey", { UserName: user })
  const member = (name: string): string =>
    new RegExp(`<${name}>([^<]*)</${name}>`).exec(made)?.[1] ?? ""
  return {
    AWS_ACCESS_KEY_ID: member("AccessKeyId"),
    AWS_SECRET_ACCESS_KEY: member("SecretAccessKey"),
  }
}

/** Says where the value lies, agrees to it as the person of this machine, and reads. */
async function lies(reference: string): Promise<Ran> {
  const set = await machine.shell(`agent-vault set ${NAME} --source '${reference}' --keep 0`)
  expect(set).toMatchObject({ code: 0 })
  const before = await get()
  expect(before).toMatchObject({ stdout: "", code: 4 })
  const [, fingerprint = ""] = /--agree ([0-9a-f]{32})/.exec(before.stderr) ?? []
  return get(`--agree ${fingerprint}`)
}

const get = (more = ""): Promise<Ran> => machine.shell(`agent-vault get ${NAME} --agent ci ${more}`)

describe("a value of AWS Secrets Manager, for a key that is looked at,", () => {
  testUnless(noAws, "is a text, in the region that is said, or by its whole name", async () => {
    expect(await lies("aws-sm://prod/stripe")).toEqual({ stdout: VALUE, stderr: "", code: 0 })
    const other = await lies("aws-sm://prod/stripe?region=us-east-2")
    expect(other.stdout).toBe("of-the-other-region")
    expect((await lies(`aws-sm://${arn}`)).stdout).toBe(VALUE)
  })

  testUnless(noAws, "is a member of JSON, also a number, or bytes", async () => {
    expect((await lies("aws-sm://prod/db#password")).stdout).toBe("of-json")
    expect((await lies("aws-sm://prod/db#port")).stdout).toBe("5432")
    await lies("aws-sm://prod/bytes")
    const { stdout } = await machine.shell(`agent-vault get ${NAME} --agent ci | od -An -tx1`)
    expect(stdout.trim()).toBe("ff 00 0a")
  })

  testUnless(noAws, "is the newest version, for a program too", async () => {
    await lies("aws-sm://prod/db#password")
    const newer = { SecretId: "prod/db", SecretString: '{"password":"of-the-newest","port":5432}' }
    await machine.shell(
      `aws secretsmanager put-secret-value --cli-input-json '${JSON.stringify(newer)}'`,
    )
    const ran = await machine.shell(
      `agent-vault run -s ${NAME}=V --agent ci -- sh -c 'test "$V" = of-the-newest && echo same; echo "$V"'`,
    )
    expect(ran).toEqual({ stdout: `same\n[REDACTED ${NAME}]\n`, stderr: "", code: 0 })
  })
})

describe("nothing leaves", () => {
  testUnless(noAws, "where there is none, or it is deleted", async () => {
    for (const [reference, why] of [
      ["aws-sm://prod/none", "aws ended with 255"],
      ["aws-sm://prod/gone", "aws ended with 255"],
      ["aws-sm://prod/db#none", "there is nothing of that name"],
    ] as const) {
      const read = await lies(reference)
      expect(read).toMatchObject({ stdout: "", code: 6 })
      expect(read.stderr).toContain(why)
    }
  })

  testUnless(
    noAws,
    "where the key may not read, another one signs, or the server is down",
    async () => {
      expect((await lies("aws-sm://prod/stripe")).stdout).toBe(VALUE)
      Object.assign(machine.env, otherKey)
      expect(await get()).toMatchObject({ stdout: "", code: 6 })
      Object.assign(machine.env, key)
      machine.env["AWS_SECRET_ACCESS_KEY"] = "not/a/real/secret".padEnd(40, "0")
      expect(await get()).toMatchObject({ stdout: "", code: 6 })
      Object.assign(machine.env, key, { AWS_ENDPOINT_URL: "https://localhost:1" })
      const ran = await machine.shell(`agent-vault run -s ${NAME} --agent ci -- echo began`)
      expect(ran).toMatchObject({ stdout: "", code: 125 })
      expect(ran.stderr).toContain("SOURCE_FAILED")
    },
  )
})
