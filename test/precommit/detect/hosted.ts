import type { Fresh } from "./fresh.js"
import type { Generator } from "./template.js"

// Passwords that a person made of a word and digits: weak, and in use beside a host.

const WORDS =
  "Welcome Passw0rd Summer Winter Monday Liverpool Dragon Sunshine Company Service Oracle Berlin Spring"
const SIGNS = ["", "!", "#", "*", "?"]
const HOSTS = [
  "db.internal",
  "sql01.corp.acme.com",
  "10.20.30.40",
  "pg.prod.acme.io",
  "crm.acme.de",
]

/** Where a login for a host stands. */
const PLACES: Record<string, (host: string, value: string) => string> = {
  "an env file": (host, value) => `DB_HOST=${host}\nDB_USER=app\nDB_PASSWORD=${value}\n`,
  YAML: (host, value) => `database:\n  host: ${host}\n  username: app\n  password: ${value}\n`,
  JSON: (host, value) => JSON.stringify({ host, user: "app", password: value }, null, 2),
  INI: (host, value) => `[crm]\nserver = ${host}\nlogin = svc\npassword = ${value}\n\n[x]\na = 1\n`,
  "a connection string": (host, value) =>
    `<add connectionString="Server=${host};Database=shop;User Id=app;Password=${value};" />\n`,
  properties: (host, value) =>
    `spring.datasource.url=jdbc:postgresql://${host}:5432/x\nspring.datasource.username=app\nspring.datasource.password=${value}\n`,
  "a URL": (host, value) =>
    `DATABASE_URL=postgres://app:${encodeURIComponent(value)}@${host}:5432/x\n`,
  code: (host, value) => `connect({ host: "${host}", user: "app", password: "${value}" })\n`,
}

/** Values that stand for a password, and hosts that nobody runs. */
const STANDINS = ["password", "changeme", "password123", "admin123", "changeme123", "secret1"]
const NOBODYS = ["localhost", "127.0.0.1", "db.example.com", "db", "mysql.test", "192.0.2.7"]
const SPELT = ["Welcome123", "Passw0rd23", "admin1234"]

/** Fresh passwords, each beside a host. */
export function hostedSecrets(generator: Generator): Fresh[] {
  return Object.entries(PLACES).map(([place, write]) => {
    const word = generator.pick(WORDS.split(" "))
    const value = `${word}${10 + generator.below(9000)}${generator.pick(SIGNS)}`
    const text = write(generator.pick(HOSTS), value)
    return { kind: `a word and digits in ${place}`, text, secret: value }
  })
}

/** What stands for a password beside a host, and weak passwords beside none that anybody runs. */
export function hostedLookalikes(generator: Generator): Fresh[] {
  return Object.entries(PLACES).flatMap(([place, write]) => [
    ...STANDINS.map((value) => ({
      kind: `${value} in ${place}`,
      text: write(generator.pick(HOSTS), value),
    })),
    ...NOBODYS.flatMap((host) =>
      SPELT.map((value) => ({
        kind: `${value} for ${host} in ${place}`,
        text: write(host, value),
      })),
    ),
  ])
}
