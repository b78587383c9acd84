import { afterAll, beforeAll, expect, test } from "vitest"
import { COMMANDS } from "../../src/cli/parse/table.js"
import { bubblewrap } from "../../scripts/bubblewrap.mjs"
import { Reader } from "./reader.js"

/** What an example ends with that a reader cannot paste as it stands, or that says no. */
const ENDS_WITH = new Map([
  // There is no remote, and no merge to choose in.
  ["agent-vault sync", 6],
  ["agent-vault sync --dry-run", 6],
  ["agent-vault sync --no-push", 6],
  ["agent-vault resolve stripe/api-key --theirs", 2],
  // In conflict: there are no such files.
  ["agent-vault git merge-file -- %O %A %B %P", 1],
  // The plan and the signer of another vault.
  ["agent-vault apply --yes --plan 15c9502bea57", 6],
  ["agent-vault trust ed25519:SIGNER", 2],
  // Nobody is at a terminal here.
  ["agent-vault get stripe/api-key", 3],
  ["agent-vault owner key --passphrase set", 2],
  ["agent-vault owner key --print", 2],
  ["agent-vault owner key --from-paper", 6],
  // Nor is there a keychain.
  ["agent-vault owner key --to-keychain", 4],
  ["agent-vault owner recovery split --threshold 2 --holder bob --holder carol --holder dave", 2],
  // The key is here.
  ["agent-vault owner recovery combine", 6],
  ["agent-vault owner recovery combine ~/usb/*.share", 6],
  // There is no such file.
  ["agent-vault blast ci ci.jsonl.1", 2],
  ["agent-vault audit verify ci.jsonl ci.jsonl.1", 2],
  ["agent-vault canary check paste.txt --owner", 2],
  // There is no policy, and no file with one.
  ["agent-vault policy set policy.yaml", 2],
  ["agent-vault policy set", 2],
  ["agent-vault policy test", 2],
  ["agent-vault policy remove", 2],
  // There is no token on stdin.
  ["agent-vault roll gitlab --expires 90d", 6],
  ["agent-vault roll gitlab --test", 6],
  // There is no canary.
  ["agent-vault canary remove openai-ci/openai-api-key", 3],
  // The guard is not installed.
  ["agent-vault guard status", 1],
  ["agent-vault doctor", 1],
  // No proxy runs.
  ['eval "$(agent-vault proxy env)"', 0],
  ["agent-vault proxy env --write broker --mount /broker --format dotenv", 3],
  // db/url is there, and nobody is at a terminal.
  ["sops decrypt secrets.yaml | agent-vault import - -g db --format yaml", 2],
  // There is no vault of another program.
  ["agent-vault import --from-agent-vault ../agent-secrets --dry-run", 3],
  // No MCP server listens.
  ['eval "$(agent-vault mcp env)"', 0],
  ["agent-vault mcp env --address host.docker.internal:8765 --format dotenv", 3],
  // The line of nobody.
  ["agent-vault owner add bob --join LINE --dry-run", 2],
  ["agent-vault owner add bob --join LINE", 2],
  // The vault of the examples has one owner.
  ["agent-vault owner remove bob --dry-run", 3],
  ["agent-vault owner remove bob", 3],
  // The key of this machine is an owner's already.
  ["agent-vault join bob --owner", 6],
  // There is no such secret, and so nothing that goes to GitHub.
  ["agent-vault use github/token github", 3],
  ["agent-vault use github/token --remove 1", 3],
  ["agent-vault explain GET https://api.github.com/user --agent ci", 1],
  // No record names a rotation, and a first one makes a new value.
  ["agent-vault rotate stripe/api-key --dry-run", 2],
  ["agent-vault rotate stripe/api-key", 2],
  ["agent-vault rotation -s stripe/api-key --step test -- /usr/local/bin/try-stripe-key", 2],
  // A rule that widens is asked about, and nobody is at a terminal.
  [
    "agent-vault use shop/key --host api.example.com --method GET --path '/v1/**' --at header:x-api-key",
    2,
  ],
])

const OTHER_SHELLS = /(?:completion|hook) (?:zsh|fish)/
/** These go on until somebody ends them; their own tests do. */
const GOES_ON = /agent-vault (?:proxy --|mcp .*--listen|audit --follow|ui)/
const EXAMPLES = COMMANDS.flatMap(({ name, examples }) =>
  examples.map(([line]) => [line, name] as const),
).filter(([line]) => !OTHER_SHELLS.test(line) && !GOES_ON.test(line))

/** A repository without a vault, with the files and the programs of others that examples name. */
const EMPTY = `
  printf '#!/bin/sh\\ncase "$*" in *" cat ci.key") cat ~/usb/ci.key ;; *) cat >/dev/null ;; esac\\n' >"$HOME/bin/ssh"
  printf '#!/bin/sh\\necho a-copied-value\\n' >"$HOME/bin/pbpaste"
  printf '#!/bin/sh\\ntest -n "$DATABASE_URL"\\n' >migrate.sh
  printf '#!/bin/sh\\ntest -n "$STRIPE_API_KEY"\\n' >"$HOME/bin/claude"
  printf '#!/bin/sh\\necho url: not-a-real-url\\n' >"$HOME/bin/sops"
  chmod +x "$HOME/bin/claude" migrate.sh "$HOME/bin/ssh" "$HOME/bin/pbpaste" "$HOME/bin/sops"
  echo STRIPE_API_KEY=not-a-real-key >.env
  echo not-a-real-key >key.pem
  node -e 'console.log(crypto.generateKeyPairSync("rsa",{modulusLength:2048}).privateKey.export({type:"pkcs8",format:"pem"}))' >app.pem
  echo TOKEN=av://stripe/api-key >.env.vault
  mkdir .cursor
  echo '{"mcpServers":{"github":{"command":"npx","args":["a-server"],"env":{"GITHUB_TOKEN":"not-a-real-token"}}}}' >.cursor/mcp.json
  git add .gitignore
  git commit --quiet --message start
  git update-ref refs/remotes/origin/main HEAD`
/** A vault in it, without an agent. */
const NEW = "agent-vault init"
/** Two agents, of which one has its key here, and what they may open. */
const FULL = `
  agent-vault agent add ci
  agent-vault agent add deploy --out - >/dev/null
  agent-vault set stripe/api-key
  agent-vault set db/url
  agent-vault set shop/key
  agent-vault use stripe/api-key stripe --yes
  agent-vault grant ci stripe db
  mkdir ~/usb
  cp "$HOME"/.config/agent-vault/*/agents/ci.key ~/usb/ci.key
  cp "$HOME"/.config/agent-vault/*/owner.key ~/usb/owner.key
  agent-vault owner recovery split --threshold 2 --holder bob --holder carol --out-dir ~/usb
  git update-ref refs/remotes/origin/main HEAD`

const isolation = await bubblewrap()
if ("missing" in isolation) {
  ENDS_WITH.set("agent-vault run --agent ci --blind -g stripe -- claude", 125)
  ENDS_WITH.set("agent-vault doctor -- curl -sS -H 'Authorization: Bearer {key}' {url}", 4)
}

const machines: Reader[] = []
beforeAll(async () => {
  for (const script of [EMPTY, NEW, FULL]) {
    const machine = machines.at(-1)?.copy() ?? Reader.onNewMachine()
    machines.push(machine)
    const { code, printed } = await machine.run(`set -e; exec 2>&1; ${script}`)
    expect(code, printed).toBe(0)
  }
})
afterAll(() => machines.forEach((machine) => machine.remove()))

test.each(EXAMPLES)("%s", async (line, name) => {
  const before = ["init", "agent add"].indexOf(name)
  const machine = machines.at(before)?.copy()
  try {
    const ran = await machine?.line(line)
    expect(ran?.code, ran?.printed).toBe(ENDS_WITH.get(line) ?? 0)
  } finally {
    machine?.remove()
  }
})
