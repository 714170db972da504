import { expect, test } from "bun:test"
import { openFlippedSets } from "../../app/box/flipped-sets.ts"
import { openStore } from "../../app/store/store.ts"
import { tempFolder } from "../support/shared.ts"

test("which set serves in the place of another is known over restarts, until it is flipped back", () => {
  using folder = tempFolder()
  const reopened = <Value>(use: (sets: ReturnType<typeof openFlippedSets>) => Value): Value => {
    const opened = openStore(folder.file("box.db"))
    if (opened.kind === "failed") throw new Error(opened.why)
    const value = use(openFlippedSets(opened.store))
    opened.store.close()
    return value
  }
  expect(reopened((sets) => sets.inPlaceOf("default"))).toBe("default")
  reopened((sets) => sets.remember("default", "light"))
  reopened((sets) => sets.remember("default", "better"))
  expect(reopened((sets) => [sets.inPlaceOf("default"), sets.inPlaceOf("light")])).toEqual(["better", "light"])
  reopened((sets) => sets.remember("default", "default"))
  expect(reopened((sets) => sets.inPlaceOf("default"))).toBe("default")
})
