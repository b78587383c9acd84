import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import type { World } from "../../core/world.js"
import type { BrokerWorld } from "./broker-world.js"

/** The Python that has the AWS CLI, and where that is used. */
interface AwsCli {
  readonly python: string
  readonly world: World
  readonly brokered: BrokerWorld
  /** `HOST:PORT` of the service. */
  readonly service: string
  readonly env: Readonly<Record<string, string>>
}

/** What the AWS CLI says, as a program of the run has it. */
export async function awsCli(
  { python, world, brokered, service, env }: AwsCli,
  args: readonly string[],
): Promise<string> {
  const authority = join(world.folder, "authority.pem")
  writeFileSync(authority, brokered.authority.pem)
  const { stdout } = await promisify(execFile)(
    python,
    ["-m", "awscli", ...args, "--endpoint-url", `https://${service}`],
    {
      env: {
        PATH: process.env["PATH"],
        HOME: world.folder,
        AWS_DEFAULT_REGION: "us-east-1",
        AWS_EC2_METADATA_DISABLED: "true",
        AWS_MAX_ATTEMPTS: "1",
        AWS_CA_BUNDLE: authority,
        HTTPS_PROXY: brokered.broker.url,
        ...env,
      },
    },
  )
  return stdout
}
