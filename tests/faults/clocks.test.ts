import { expect, test } from "bun:test"
import { clockCases, fakeTimeLibrary, jumpClocks } from "../../scripts/faults/storage/clocks.ts"
import { smallFrame } from "../../scripts/faults/storage/picture.ts"
import { tempFolder } from "../support/shared.ts"

// scripts/faults/clocks.ts goes through all twelve.
test.skipIf(fakeTimeLibrary() === undefined)(
  "a clock that leaps deletes nothing and stops nothing",
  async () => {
    using folder = tempFolder()
    const cases = clockCases.filter(
      ({ name }) => name === "started in 1970, then set right" || name === "ten years on while it runs",
    )
    for (const { lost, damaged, stuck } of await jumpClocks(folder.path, cases, await smallFrame()))
      expect({ lost, damaged, stuck }).toEqual({ lost: [], damaged: [], stuck: [] })
    expect(cases).toHaveLength(2)
  },
  180_000,
)
