import { describe, expect, test } from "bun:test"
import { judgeRun, type Run, readJunit, type SkipList } from "../../scripts/test-verdict.ts"
import { tempFolder } from "../support/shared.ts"

const passed = { name: "tests/a.test.ts > works", outcome: "passed" } as const
const skipped = { name: "tests/a.test.ts > real > needs photographs", outcome: "skipped" } as const
const failed = { name: "tests/a.test.ts > breaks", outcome: "failed" } as const

function judge(over: Partial<Run>) {
  return judgeRun({ tests: [passed], exitCode: 0, wholeSuite: true, allowed: [], present: new Set(), ...over })
}

describe("judging a run", () => {
  const allowed: SkipList = [{ test: "tests/a.test.ts > real > *", reason: "no photographs", onlyWithout: "../shared" }]

  test("a run in which everything passed is in order", () => {
    expect(judge({})).toEqual({ counts: { passed: 1, failed: 0, skipped: 0 }, skips: [], troubles: [] })
  })

  test("a skip that nothing allows is a trouble", () => {
    const verdict = judge({ tests: [passed, skipped] })
    expect(verdict.skips).toEqual([{ name: skipped.name, reason: undefined }])
    expect(verdict.troubles).toEqual(["1 skipped without permission"])
  })

  test("an allowed skip is listed with its reason", () => {
    const verdict = judge({ tests: [passed, skipped], allowed })
    expect(verdict.skips).toEqual([{ name: skipped.name, reason: "no photographs" }])
    expect(verdict.troubles).toEqual([])
  })

  test("a skip for want of something is not allowed where it is present", () => {
    const verdict = judge({ tests: [passed, skipped], allowed, present: new Set(["../shared"]) })
    expect(verdict.troubles).toEqual(["1 skipped without permission"])
  })

  test("a pattern means its characters, but for the star", () => {
    const verdict = judge({ tests: [passed, { ...skipped, name: "tests/aXtest.ts > real > x" }], allowed, wholeSuite: false })
    expect(verdict.troubles).toEqual(["1 skipped without permission"])
  })

  test("a run without any test, or with skipped ones alone, is a trouble", () => {
    expect(judge({ tests: [] }).troubles).toEqual(["no test ran"])
    expect(judge({ tests: [skipped], allowed }).troubles).toEqual(["no test ran"])
  })

  test("a failed test is counted and named", () => {
    const verdict = judge({ tests: [passed, failed], exitCode: 1 })
    expect(verdict.counts.failed).toBe(1)
    expect(verdict.troubles).toEqual([`1 failed: ${failed.name}`])
  })

  test("a runner that failed although no test did counts as one failure", () => {
    const verdict = judge({ exitCode: 1 })
    expect(verdict.counts.failed).toBe(1)
    expect(verdict.troubles[0]).toContain("did not load")
  })

  test("a permission that no test needs any more has to go, but only a whole run can tell", () => {
    expect(judge({ allowed }).troubles[0]).toContain("there is no such test")
    expect(judge({ allowed, wholeSuite: false }).troubles).toEqual([])
  })
})

test("the report of a real run is read: names, groups, skips, failures", async () => {
  using folder = tempFolder()
  await Bun.write(
    folder.file("sample.test.ts"),
    `import { describe, expect, test } from "bun:test"
     describe('outer "quoted"', () => {
       describe("inner <&>", () => {
         test("passes", () => {})
         test.skip("is skipped", () => {})
         test("fails", () => expect("</testcase>").toBe("<skipped />"))
       })
     })
     test.todo("comes later")
     test("stands alone", () => {})`,
  )
  const run = Bun.spawn([process.execPath, "test", "--reporter=junit", "--reporter-outfile=report.xml"], {
    cwd: folder.path,
    stdout: "ignore",
    stderr: "ignore",
  })
  expect(await run.exited).toBe(1)
  expect(readJunit(await Bun.file(folder.file("report.xml")).text())).toEqual([
    { name: 'sample.test.ts > outer "quoted" > inner <&> > passes', outcome: "passed" },
    { name: 'sample.test.ts > outer "quoted" > inner <&> > is skipped', outcome: "skipped" },
    { name: 'sample.test.ts > outer "quoted" > inner <&> > fails', outcome: "failed" },
    { name: "sample.test.ts > comes later", outcome: "skipped" },
    { name: "sample.test.ts > stands alone", outcome: "passed" },
  ])
})
