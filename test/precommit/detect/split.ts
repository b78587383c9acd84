import type { Fresh } from "./fresh.js"
import { expand, type Generator } from "./template.js"

// Tokens that code joins from pieces, and joined text that is no token.

const tokens = [
  "ghp_{crc:30}",
  "glpat-{base62:20}",
  "xoxb-{digits:12}-{digits:12}-{base62:24}",
  "sk_live_{base62:24}",
  "npm_{crc:30}",
  "hf_{upper:17}{lower:17}",
  "AGE-SECRET-KEY",
]

function literals(pieces: readonly string[], quote: string, between: string): string {
  return pieces.map((piece) => quote + piece + quote).join(between)
}

const ways: Record<string, (pieces: readonly string[]) => string> = {
  "a sum": (pieces) => `const a = ${literals(pieces, '"', " + ")};\n`,
  "a sum without blanks": (pieces) => `f(${literals(pieces, "'", "+")})\n`,
  "a sum over lines": (pieces) => `String a =\n    ${literals(pieces, '"', " +\n    ")};\n`,
  "a sum that begins lines": (pieces) => `const a = ${literals(pieces, '"', "\r\n  + ")}\r\n`,
  "a sum with remarks": (pieces) => `a = ${literals(pieces, '"', " + // and\n  ")}\n`,
  "a sum of templates": (pieces) => `use(${literals(pieces, "`", " + ")})\n`,
  "literals side by side": (pieces) => `a = (${literals(pieces, '"', " ")})\n`,
  "literals one below the other": (pieces) => `a = (\n    ${literals(pieces, "'", "\n    ")}\n)\n`,
  "literals with prefixes": (pieces) => `a = (f${literals(pieces, '"', "\n     f")})\n`,
  "a macro": (pieces) => `#define A ${literals(pieces, '"', " \\\n          ")}\n`,
  "PHP's dots": (pieces) => `$a = ${literals(pieces, "'", " . ")};\n`,
  "Lua's dots": (pieces) => `local a = ${literals(pieces, '"', " .. ")}\n`,
  "SQL's bars": (pieces) => `SELECT ${literals(pieces, "'", " || ")};\n`,
  "Visual Basic's ands": (pieces) => `a = ${literals(pieces, '"', " & _\n    ")}\n`,
  "a join of JavaScript": (pieces) => `const a = [${literals(pieces, '"', ", ")}].join("");\n`,
  "a join over lines": (pieces) => `a([\n  ${literals(pieces, "'", ",\n  ")},\n].join(''))\n`,
  "a join of Ruby": (pieces) => `a = [${literals(pieces, "'", ", ")}].join\n`,
  "a join of Python": (pieces) => `a = "".join([${literals(pieces, '"', ", ")}])\n`,
  "a join of a tuple": (pieces) => `a = ''.join((\n    b${literals(pieces, "'", ",\n    b")}))\n`,
  "an implode of PHP": (pieces) => `$a = implode('', [${literals(pieces, "'", ", ")}]);\n`,
  "a join of Go": (pieces) => `a := strings.Join([]string{${literals(pieces, '"', ", ")}}, "")\n`,
  "a join of Java": (pieces) => `String a = String.join("", ${literals(pieces, '"', ", ")});\n`,
  "a concat of C#": (pieces) => `var a = string.Concat(${literals(pieces, '"', ", ")});\n`,
  "a concat of SQL": (pieces) => `SELECT CONCAT(${literals(pieces, "'", ", ")});\n`,
  "a line of a shell that goes on": (pieces) => `export A=${pieces.join("\\\n")}\n`,
  "quotes of a shell over lines": (pieces) => `curl -H "X: ${pieces.join("\\\n")}" acme.io\n`,
  "quotes of YAML over lines": (pieces) => `a: "${pieces.join("\\\n    ")}"\n`,
}

/** Two pieces or three. */
function cut(text: string, generator: Generator): string[] {
  const first = 1 + generator.below(text.length - 1)
  const rest = text.slice(first)
  if (rest.length < 2 || generator.below(2) === 0) return [text.slice(0, first), rest]
  const second = 1 + generator.below(rest.length - 1)
  return [text.slice(0, first), rest.slice(0, second), rest.slice(second)]
}

/** Fresh tokens in pieces, once in each way to join them. */
export function splitSecrets(generator: Generator): Fresh[] {
  return Object.entries(ways).map(([way, write]) => {
    const template = generator.pick(tokens)
    const token = expand(template === "AGE-SECRET-KEY" ? "{age}" : template, generator)
    const text = write(cut(token, generator))
    return { kind: `a token in ${way}`, text, secret: token }
  })
}

const harmless = [
  "https://acme.io/docs/v2/tokens/access-token-2024/index.html?page=12",
  "The token that you made in step 3 is sent as a header of each request to v2.",
  "Passwords-must-have-8-characters-and-at-least-1-digit-or-sign-of-these",
  "SELECT id, token_hash FROM sessions2 WHERE token = $1 AND ends > now()",
  "btn-primary-2 sk-proj-loading-spinner-with-a-dark-theme-and-large-icons",
  "/var/lib/acme/releases/2024-11-02/node_modules/.bin/token-cli2.js",
  "sha256:{hex:64}",
  "{uuid}",
  "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
  "glpat-your-token-here-0123456789",
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{base62:60}",
  "^(?:[a-z0-9]{2,12}|[A-Z]+[0-9]{4})-[0-9a-f]{8}$",
]

/** Literals that have nothing to do with each other. */
const apart = [
  'tool "glpat-" "see docs/tokens2.md for more of them"\n',
  'tool ["glpat-", "{base62:20}"].join(",")\n',
  'tool ["glpat-", "{base62:20}"].join\t("-")\n',
  '", ".join(["glpat-", "{base62:20}"])\n',
  "tool(['glpat-', '{base62:20}'], [].join(''))\n",
  'path.join("glpat-", "{base62:20}")\n',
  'rows.concat("glpat-", "{base62:20}")\n',
  'api_token = ["{base62:5}", "{base62:5}"]\n',
  "password: 'see ' + 'chapter2-of-the-handbook'\n",
  '(setq token "main2" "other-branch-of-3")\n',
  "cp a1b2c3d4.txt \\\n   e5f6a7b8.txt \\\n   backup2/\n",
  "OBJS = token1.o\\\nkey22.o\n",
]

/** Joined text that is no token, and pieces that are none together. */
export function splitLookalikes(generator: Generator): Fresh[] {
  const joined = Object.entries(ways).flatMap(([way, write]) =>
    harmless.map((template) => {
      // In a list, `"Password"` is the name of what follows it, a text in pieces or not.
      const kept = write(["a", "b"]).includes(",")
        ? template.replace("Passwords", "They")
        : template
      return {
        kind: `${template} in ${way}`,
        text: write(cut(expand(kept, generator), generator)),
      }
    }),
  )
  return [...joined, ...apart.map((text) => ({ kind: text, text: expand(text, generator) }))]
}
