import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { asNeverSeen } from "../../scripts/bench/support/pictures.ts"
import { hitEngines, isStated } from "../../scripts/faults/engines/hit.ts"
import { startBox, testAdminKey } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const jpeg = readFileSync(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample1.jpg"))

test.each([
  // What a box of two cores runs by itself: one engine answers while the other comes back.
  { signal: "SIGKILL", engines: 2, hits: 10, gapMsMax: 2000 },
  // With a single engine the gap is the start of a new one.
  { signal: "SIGKILL", engines: 1, hits: 3, gapMsMax: 10_000 },
  { signal: "SIGSTOP", engines: 1, hits: 1, gapMsMax: 20_000 },
] as const)(
  "$engines engine(s), $hits × $signal under load: only 200, or 503 with Retry-After, and service comes back",
  async ({ signal, engines, hits, gapMsMax }) => {
    using folder = tempFolder()
    await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: String(engines) })
    const picture = () => asNeverSeen({ name: "sample1", jpeg })
    const headers = { "content-type": "image/jpeg" }
    const whole = (await (await box.ask("/v1/recognize", { method: "POST", body: picture(), headers })).json()) as {
      faces: unknown[]
    }
    expect(whole.faces.length).toBeGreaterThan(0)

    const target = { url: box.url, key: testAdminKey }
    const { gapsMs, answers } = await hitEngines(target, { signal, engines, hits, picture, clients: 2 })
    expect(answers.filter((answer) => !isStated(answer))).toEqual([])
    for (const { status, faces, degraded } of answers) if (status === 200 && !degraded) expect(faces).toBe(whole.faces.length)
    // The hits did land in the middle of runs.
    expect(answers.some(({ status }) => status === 503)).toBe(true)
    expect(gapsMs).toHaveLength(hits)
    expect(Math.max(...gapsMs)).toBeLessThan(gapMsMax)
  },
  240_000,
)
