import { GENERAL_SHAPE, type Service, loadServices } from "../../../core/index.js"
import type { Door } from "../../door/door.js"
import { asJson, print, table, tell } from "../../door/render.js"

export async function run(door: Door): Promise<void> {
  const { listServices, serviceNamed } = await loadServices()
  const [name] = door.call.words
  if (name !== undefined) {
    const service = serviceNamed(name)
    if (await asJson(door, service)) return
    await print(door, detailLines(service))
    return
  }
  const services = listServices()
  if (await asJson(door, { services })) return
  const rows = services.map(({ name: each, variables, use }) => [
    each,
    variables[0] ?? "",
    use.hosts.join(" "),
  ])
  await print(door, table([["SERVICE", "VARIABLE", "HOSTS"], ...rows]))
  tell(door, "Next: agent-vault services NAME. A host that is not here: agent-vault use --host …")
}

function detailLines(service: Service): string[] {
  const { title, docs, variables, placeholder, use, needs = {}, models, example } = service
  const rows = [
    ["hosts", use.hosts.join(" ")],
    ["methods", use.methods.join(" ")],
    ["paths", use.paths.join(" ")],
    ["place", use.at.join(" or ")],
    ["scheme", use.user === undefined ? use.scheme : `${use.scheme}, as ${use.user}`],
    ...Object.entries(needs).map(([blank, what]) => ["you say", `{${blank}}: ${what}`]),
    ["variables", variables.join(" ")],
    ["key", placeholder === GENERAL_SHAPE ? "of no known shape" : placeholder],
    ...(models === true
      ? [["models", "yes: values of the vault are kept out of what it is sent"]]
      : []),
    ["docs", docs],
    ...example.map((line, at) => [at === 0 ? "example" : "", line]),
    ["use it", useLine(service)],
  ]
  return [title, ...table(rows)]
}

/** The command that gives a secret the rule of a service, with an option for each blank. */
function useLine({ name, use }: Service): string {
  // What an owner says of hosts takes the place of all that the catalogue has.
  const hosts = use.hosts.some((host) => host.includes("{")) ? use.hosts : []
  return [
    `agent-vault use GROUP/NAME ${name}`,
    ...hosts.map((host) => `--host '${host}'`),
    ...(use.user?.includes("{") === true ? [`--user '${use.user}'`] : []),
  ].join(" ")
}
