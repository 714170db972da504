import { expect, test } from "bun:test"
import { join } from "node:path"
import { nowTickMs } from "../../app/base/ticks.ts"
import { sharedFolder } from "../support/shared.ts"
import { canJudge, judgedSets, startEngines } from "./photographs.ts"

for (const name of judgedSets) {
  test.skipIf(!canJudge(name))(`${name}: the 29 people of a conference of 1927 are found, and nobody else`, async () => {
    await using engines = await startEngines(name)
    const picture = await Bun.file(join(sharedFolder() ?? "", "data/group/solvay_conference_1927.png")).bytes()
    const answer = await engines.pool.analyze({
      picture,
      options: { faceWidthPxMin: 48, facesMax: 100, embed: "none" },
      deadlineTickMs: nowTickMs() + 30_000,
    })
    expect(answer.kind === "ok" && answer.faces.length).toBe(29)
  })
}
