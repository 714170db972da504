import { expect, test } from "bun:test"
import { kernelsPath, kernelsText } from "../../../scripts/kernels.ts"

test("the compiled loops are those of their source: else run bun scripts/kernels.ts", async () => {
  expect(await Bun.file(kernelsPath).text()).toBe(await kernelsText())
})
