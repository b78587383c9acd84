import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { parseEnvFile } from "../../../src/cli/run/env-file.js"
import { childEnvironment, whyRefused } from "../../../src/cli/run/program-environment.js"
import type { Machine } from "../machine.js"
import { VALUES, runMachine } from "./run-machine.js"

describe("names that no program is given", () => {
  const refused = `
    LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES NODE_OPTIONS NODE_PATH
    NODE_EXTRA_CA_CERTS PATH Path PATHEXT IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND
    BASH_FUNC_ls PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT PERL5LIB PERL5OPT PERLLIB RUBYOPT
    RUBYLIB JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GIT_SSH GIT_SSH_COMMAND
    GIT_EXTERNAL_DIFF GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG GIT_EXEC_PATH GIT_ASKPASS EDITOR
    VISUAL PAGER SHELL HOME TMPDIR LOCPATH GCONV_PATH COMSPEC SystemRoot XDG_CONFIG_HOME
    npm_config_script_shell DOTNET_STARTUP_HOOKS SSH_ASKPASS SSLKEYLOGFILE GLIBC_TUNABLES
    OPENSSL_CONF AGENT_VAULT_IDENTITY agent_vault_agent ld_preload`.trim()
  test.each(refused.split(/\s+/))("%s", (name) => {
    expect(whyRefused(name)).toBeDefined()
  })

  const passed = `
    GITHUB_TOKEN GIT_TOKEN GIT_PASSWORD PGPASSWORD DATABASE_URL STRIPE_API_KEY _3D_TOKEN NPM_TOKEN
    AWS_SECRET_ACCESS_KEY HTTPS_PROXY NODE_ENV NODE_AUTH_TOKEN PYTHON_BOT_TOKEN JAVA_KEYSTORE_PASSWORD
    PATH_TOKEN HOME_ASSISTANT_TOKEN USER_TOKEN SHELL_TOKEN TEMPORAL_API_KEY ENV_KEY LDAP_PASSWORD
    SSL_KEY CARGO_REGISTRY_TOKEN BUNDLE_GEMS__EXAMPLE__COM YARN_NPM_AUTH_TOKEN AGENT_TOKEN __proto__
    PORT TZ LANG KUBECONFIG`.trim()
  test.each(passed.split(/\s+/))("but %s is", (name) => {
    expect(whyRefused(name)).toBeUndefined()
  })
})

test("no name changes what an object is", () => {
  const env = childEnvironment({ A: "1" }, new Map([["__proto__", "x"]]), false)
  expect(Object.entries(env)).toEqual([
    ["A", "1"],
    ["__proto__", "x"],
  ])
})

describe("a file of variables", () => {
  test.each([
    ["a word", "A=b", "b"],
    ["nothing", "A=", ""],
    ["nothing, and a comment", "A= # c", ""],
    ["white space around", " A =  b c \t", "b c"],
    ["export", "export A=b", "b"],
    ["the end of a line of Windows", "A=b\r\n", "b"],
    ["a mark of the byte order", "\uFEFFA=b", "b"],
    ["a comment", "A=b # c", "b"],
    ["a # that begins none", "A=b#c", "b#c"],
    ["a # at the beginning", "A=#b", "#b"],
    ["more equals signs", "A=b=c==", "b=c=="],
    ["quotes inside", `A=b"c'd`, `b"c'd`],
    ["single quotes", "A='b # \"c\" \\n $D `e`' # f", 'b # "c" \\n $D `e`'],
    ["double quotes", "A=\"b # 'c'\"", "b # 'c'"],
    ["escapes", String.raw`A="1\n2\t3\r4\"5\\n6\$7\d8"`, '1\n2\t3\r4"5\\n6$7\\d8'],
    ["no escapes without quotes", String.raw`A=1\n2`, String.raw`1\n2`],
    ["several lines", 'A="1\n2\n" # c', "1\n2\n"],
    ["several lines in single quotes", "A='1\r\n2'", "1\n2"],
    ["what shells would fill in", "A=$HOME-${B}-$(id)-`id`", "$HOME-${B}-$(id)-`id`"],
    ["a reference inside a text", "A=x-av://a/b", "x-av://a/b"],
  ])("%s", (_what, text, value) => {
    expect(parseEnvFile(text, "f")).toEqual([{ variable: "A", at: "f:1", value: { text: value } }])
  })

  test.each([
    ["plain", "A=av://db/eu/url"],
    ["with a comment", "export A=av://db/eu/url   # c"],
    ["in quotes", 'A="av://db/eu/url"'],
  ])("a reference, %s", (_how, text) => {
    expect(parseEnvFile(text, "f")).toEqual([
      { variable: "A", at: "f:1", value: { secret: "db/eu/url" } },
    ])
  })

  test("lines count, whatever is in them", () => {
    const text = "# c\n\nA=1\n\nB='x\ny'\n  # d\nexport C=3\n"
    expect(parseEnvFile(text, "f").map(({ variable, at }) => [variable, at])).toEqual([
      ["A", "f:3"],
      ["B", "f:5"],
      ["C", "f:8"],
    ])
  })

  test.each([
    ["no equals sign", "A=1\ncanary", "f:2: NAME= is missing"],
    ["two words in front", "canary b=1", "f:1: NAME= is missing"],
    ["no name", "=canary", "f:1: NAME= is missing"],
    [
      "a name of other characters",
      "canary-b=1",
      "f:1: what stands before = is not a variable name",
    ],
    [
      "a quote without end",
      "A=1\n\nB='canary\nC=2\n",
      "f:3: the quotes that begin here have no end",
    ],
    ["an escaped quote at the end", String.raw`A="canary\"`, "f:1: the quotes that begin here"],
    ["something behind quotes", "A='canary'b", "f:1: something follows the quotes"],
    ["backticks", "A=`canary`", "f:1: a value stands in single or double quotes, or in none"],
    ["a zero byte", "A=canary\0", "f:1: there is a zero byte"],
    [
      "a reference without a group",
      "A=av://canary",
      "f:1: a reference to a secret is av://GROUP/NAME",
    ],
    ["a reference with one slash", "A=av:/canary/b", "f:1: a reference to a secret is"],
    ["a reference in capitals", "A=AV://canary/b", "f:1: a reference to a secret is"],
    ["a reference with more behind it", "A='av://canary/b c'", "f:1: a reference to a secret is"],
    ["a reference with a space in front", "A=' av://canary/b'", "f:1: a reference to a secret is"],
    ["a reference to a path", "A=av://canary/../b", "f:1: a reference to a secret is"],
  ])("%s is refused, by its line and without its text", (_what, text, says) => {
    const failing = (): unknown => parseEnvFile(text, "f")
    expect(failing).toThrow(says)
    expect(failing).not.toThrow("canary")
    expect(failing).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }))
  })
})

describe("run --env-from", () => {
  let machine: Machine
  beforeAll(async () => {
    machine = await runMachine()
  })
  afterAll(() => machine.remove())

  const put = (text: string | Uint8Array): void =>
    writeFileSync(join(machine.repo, ".env.vault"), text)
  const shell = (options: string, command = "true") =>
    machine.shell(`agent-vault run --agent ci ${options} -- ${command}`)

  test("--env-file refuses what Node may have obeyed, however it is hidden", async () => {
    put(`A="b\\"\nNODE_OPTIONS='--no-warnings'\nB=\\"c"\nKEY=av://stripe/api-key\n`)
    const ran = await shell("--env-file .env.vault", "echo started")
    expect([ran.code, ran.stdout]).toEqual([125, ""])
    expect(ran.stderr).toContain("CONFIG_INVALID")
  })

  test("--env-file is --env-from by another name", async () => {
    put("PLAIN=a\nKEY=av://stripe/api-key\n")
    const ran = await shell("--env-file .env.vault --no-redact", `sh -c 'echo "$PLAIN $KEY"'`)
    const other = await shell("--env-from .env.vault --no-redact", `sh -c 'echo "$PLAIN $KEY"'`)
    expect([ran.code, ran.stdout]).toEqual([0, other.stdout])
  })

  test("gives values as they are, and secrets for references", async () => {
    put("PLAIN='a $HOME'\nexport KEY=av://stripe/api-key # c\n")
    const ran = await shell("--env-from .env.vault --no-redact", `sh -c 'echo "$PLAIN $KEY"'`)
    expect(ran).toEqual({ code: 0, stdout: `a $HOME ${VALUES["stripe/api-key"]}\n`, stderr: "" })
    const redacted = await shell("--env-from .env.vault", `sh -c 'echo "$PLAIN $KEY"'`)
    expect(redacted.stdout).toBe("a $HOME [REDACTED stripe/api-key]\n")
  })

  test("a file of texts alone selects something", async () => {
    put("PLAIN=a\n")
    expect((await shell("--env-from .env.vault", "printenv PLAIN")).stdout).toBe("a\n")
  })

  test("from a pipe, and more than one", async () => {
    put("A=1\n")
    const files = "--env-from .env.vault --env-from <(echo B=av://stripe/webhook)"
    expect((await shell(files, `sh -c 'echo $A $B'`)).stdout).toBe("1 [REDACTED stripe/webhook]\n")
  })

  test("what it holds is nothing to the Node that we run in, nor is a file that the program is to read", async () => {
    const program = join(machine.home, "theirs.cjs")
    writeFileSync(program, "console.log('in ' + require('node:path').basename(process.argv[1]))")
    put(`NODE_OPTIONS=--require=${program}\n`)
    const ran = await shell("--env-from .env.vault", "echo started")
    expect(ran).toMatchObject({ code: 125, stdout: "" })
    expect(ran.stderr).toContain("may not be the variable NODE_OPTIONS")
    const behind = await shell("-s stripe/api-key", "echo --env-file .env.vault")
    expect(behind).toEqual({ code: 0, stdout: "--env-file .env.vault\n", stderr: "" })
  })

  test("the same twice is the same", async () => {
    put("X=av://stripe/api-key\nX=av://stripe/api-key\nY=1\nY=1\n")
    expect((await shell("--env-from .env.vault -s stripe/api-key=X")).code).toBe(0)
  })

  test.each([
    [
      "X=1\n",
      "-s stripe/api-key=X",
      "stripe/api-key and .env.vault:1 would both be the variable X",
    ],
    ["X=1\nX=2\n", "", ".env.vault:1 and .env.vault:2 would both be the variable X"],
    [
      "X=av://stripe/webhook\n",
      "-s stripe/api-key=X",
      "stripe/api-key and stripe/webhook (.env.vault:1) would both be the variable X",
    ],
    ["LD_PRELOAD=canary\n", "", ".env.vault:1 may not be the variable LD_PRELOAD"],
    [
      "A=1\nPATH=av://stripe/api-key\n",
      "",
      "stripe/api-key (.env.vault:2) may not be the variable PATH",
    ],
    ["A=av://stripe/nothing\n", "", "SECRET_NOT_FOUND: there is no secret stripe/nothing"],
    ["A=av://closed/key\n", "", "NOT_GRANTED: ci may not open closed"],
    ["A=av://canary\n", "", "CONFIG_INVALID: .env.vault:1: a reference to a secret is"],
    [new Uint8Array([65, 61, 0xff]), "", "CONFIG_INVALID: .env.vault: it is not UTF-8 text"],
    ["#".repeat(1024 * 1024 + 1), "", "CONFIG_INVALID: .env.vault: it is larger than 1 MiB"],
  ])("%j %s is refused", async (text, options, says) => {
    put(text)
    const ran = await shell(`--env-from .env.vault ${options}`, "echo started")
    expect(ran).toMatchObject({ code: 125, stdout: "" })
    expect(ran.stderr).toContain(says)
    expect(ran.stderr).not.toContain("canary")
  })

  test.each([
    ["nowhere.env", "NO_ACCESS: there is no file nowhere.env"],
    [".", "NO_ACCESS: . cannot be read (EISDIR)"],
    ["/dev/zero", "CONFIG_INVALID: /dev/zero: it is larger than 1 MiB"],
  ])("%s is no file of variables", async (file, says) => {
    const ran = await shell(`--env-from ${file}`, "echo started")
    expect(ran).toMatchObject({ code: 125, stdout: "" })
    expect(ran.stderr).toContain(says)
  })
})
