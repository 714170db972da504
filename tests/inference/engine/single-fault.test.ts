import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { ProviderFault } from "../../../app/inference/engine/guard.ts"
import { openAnalyzer } from "../../../app/inference/engine/run.ts"
import type { RuntimePlan } from "../../../app/inference/providers/plan.ts"
import { buildStandIn } from "../../support/native/libraries.ts"
import { tempFolder } from "../../support/shared.ts"
import { locateSet, samplePhoto } from "./support.ts"

/**
 * One run of one network that goes wrong without a word and leaves no trace: noticed wherever a known row travels along. A detector
 * takes one picture at a time, so one run of it can lie; docs/operations.md says so.
 */
test.each(["nan", "wrong"] as const)(
  "a single run that answers %s is noticed by every network that takes several rows",
  async (fault) => {
    using folder = tempFolder()
    const standIn = buildStandIn(folder.path)
    const plan: RuntimePlan = {
      ...{ adapter: "ort-ffi", library: standIn.library, provider: "cuda", required: false, deviceId: 0 },
      ...{ cacheFolder: folder.path, versions: { runtime: "as it is" } },
      tensorrt: { fp16: false, workspaceBytes: 1, shapes: {} },
    }
    const opened = await openAnalyzer(await locateSet("default"), { threads: 1, plan })
    if (opened.kind === "unfit") throw new Error(opened.why)
    const { analyzer } = opened
    try {
      const photo = readFileSync(samplePhoto(3))
      const analyze = () => analyzer.analyze(photo, { faceWidthPxMin: 48, facesMax: 50, embed: "all" })
      // A fault that changes nothing tells how many runs a picture takes, and which comes next.
      standIn.tell({ fault: "slow:0" })
      await analyze()
      const runsSeen = standIn.events().flatMap((event) => (event.event === "fault" ? [event.run] : []))
      const ofPicture = runsSeen.length
      let before = Math.max(...runsSeen)

      const outcomes: string[] = []
      for (let at = 0; at < ofPicture; at++) {
        standIn.tell({ fault, runs_before_fault: before + at, faults: 1 })
        outcomes.push(
          await analyze().then(
            () => "answered",
            (error: unknown) => (error instanceof ProviderFault ? error.kind : String(error)),
          ),
        )
        const told = standIn.events().flatMap((event) => (event.event === "fault" ? [event.run] : []))
        expect(told.at(-1)).toBe(before + at + 1)
        // Where the picture stopped, its later runs did not come: count on from a whole one.
        standIn.tell({ fault: "slow:0" })
        await analyze()
        before = Math.max(...standIn.events().flatMap((event) => (event.event === "fault" ? [event.run] : [])))
      }
      // The detector's first network comes first, and it is the only one whose single lie passes.
      const [detector, ...others] = outcomes
      expect(others.every((outcome) => outcome === "wrong")).toBe(true)
      expect(detector).toBe(fault === "nan" ? "wrong" : "answered")
    } finally {
      await analyzer.close()
    }
  },
)
