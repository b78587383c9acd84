import { expect, test } from "vitest"
import { resolveAll } from "../../../src/core/target/vet.js"

test("a name under localhost is this machine's, whatever a name server would say", async () => {
  for (const name of ["localhost", "api.localhost", "a.b.localhost"]) {
    expect(await resolveAll(name)).toEqual(["127.0.0.1", "::1"])
  }
})
