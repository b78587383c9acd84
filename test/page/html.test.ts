import { assert, property, string } from "fast-check"
import { describe, expect, test } from "vitest"
import { markup } from "../../src/page/html.js"
import { pageOf } from "../../src/page/page.js"

describe("what is put into a template", () => {
  test("is text, whoever wrote it", () => {
    const { text } = markup`<p title="${`"><script>`}">${"<b>&'\u202e\u0000"}</p>`
    expect(text).toBe('<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;&#39;\\u{202e}\\u{0}</p>')
  })

  test("ends no element and no attribute, whatever it is", () => {
    assert(
      property(string({ unit: "binary" }), (foreign) => {
        const { text } = markup`${foreign}`
        expect(text).not.toMatch(/[<>"'\p{Cc}\p{Cf}]/u)
        expect(text.replace(/&(?:amp|lt|gt|quot|#39);/g, "")).not.toContain("&")
      }),
    )
  })

  test("is HTML where it was made this way; lists are in order, and nothing is nothing", () => {
    const items = ["a", "<"].map((each) => markup`<li>${each}</li>`)
    expect(markup`<ul>${items}</ul>${undefined}${3}`.text).toBe("<ul><li>a</li><li>&lt;</li></ul>3")
    // What only looks like it is text.
    const looks = { text: "<b>" } as unknown as string
    expect(markup`${looks}`.text).not.toContain("<b>")
  })
})

test("a page says what it may do: its own style and script, and nothing else", () => {
  const content = { title: "<t>", style: "b{}", body: markup`x` }
  const { document, policy } = pageOf(content)
  expect(document).toContain("<title>&lt;t&gt;</title>")
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; connect-src/)
  expect(policy).not.toContain("script-src")
  expect(document).not.toContain("http-equiv")
  const file = pageOf({ ...content, isFile: true })
  expect(file.document).toContain('http-equiv="Content-Security-Policy"')
})
