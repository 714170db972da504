import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { similarity } from "../../../app/face/embedding.ts"
import { lfwPeople } from "../../support/lfw.ts"
import { hasSet, locateSet, openSet, setNames } from "./support.ts"

const people = lfwPeople(1).slice(0, 30)
const all = { faceWidthPxMin: 48, facesMax: 5, embed: "largest", chips: true } as const

/** Measured with 60 photographs for each set: at least .9993 (default), .9986 (better), .9979 (light). */
const cosineMin = 0.99

test.skipIf(people.length === 0).each(setNames.filter(hasSet))(
  "%s: a face embedded from its chip is the face of the photograph",
  async (name) => {
    await using analyzer = await openSet(await locateSet(name))
    const cosines: number[] = []
    for (const { photos } of people) {
      const seen = await analyzer.analyze(readFileSync(photos[0] ?? ""), all)
      if (seen.kind !== "ok") throw new Error(seen.why)
      const { chip, embedding } = seen.faces[0] ?? {}
      if (chip === undefined || embedding === undefined) continue
      const { jpeg, landmarks, detected } = chip
      const again = await analyzer.analyze(jpeg, { ...all, at: { landmarks, ...(detected && { detected }) } })
      if (again.kind !== "ok") throw new Error(again.why)
      const second = again.faces[0]?.embedding
      cosines.push(second === undefined ? -1 : similarity(embedding, second))
    }
    expect(cosines.length).toBeGreaterThan(25)
    expect(Math.min(...cosines)).toBeGreaterThan(cosineMin)
  },
  30_000,
)
