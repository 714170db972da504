import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import { compareFigure, compareResults, passes } from "../../scripts/bench/compare/verdict.ts"
import { describeMachine } from "../../scripts/bench/support/machine.ts"
import { type BenchResult, type Figure, readResult, writeResult } from "../../scripts/bench/support/results.ts"
import { median, medianInterval, quantile, slope, summarise } from "../../scripts/bench/support/statistics.ts"
import { tempFolder } from "../support/shared.ts"

describe("statistics", () => {
  test("quantiles lie between neighbours", () => {
    expect(quantile([10, 20, 30, 40, 50], 0.5)).toBe(30)
    expect(quantile([10, 20], 0.25)).toBe(12.5)
    expect(median([3, 1, 2])).toBe(2)
    expect(summarise(Array.from({ length: 101 }, (_, i) => i))).toEqual({
      n: 101,
      mean: 50,
      p50: 50,
      p90: 90,
      p95: 95,
      p99: 99,
      max: 100,
    })
    expect(summarise([])).toMatchObject({ n: 0, p99: 0 })
  })

  test("a slope is that of the nearest line", () => {
    expect(slope([0, 1, 2, 3].map((x) => ({ x, y: 7 + 2 * x })))).toBeCloseTo(2, 9)
    expect(slope([{ x: 1, y: 5 }])).toBe(0)
  })

  test("the interval of a median holds it, and is wider for noisier values", () => {
    const calm = medianInterval([1, 1.01, 0.99, 1.02, 0.98, 1, 1.01])
    const noisy = medianInterval([1, 1.3, 0.7, 1.2, 0.8, 1, 1.1])
    expect(calm.low).toBeLessThanOrEqual(1)
    expect(calm.high).toBeGreaterThanOrEqual(1)
    expect(noisy.high - noisy.low).toBeGreaterThan(5 * (calm.high - calm.low))
  })
})

const p99 = (values: number[]): Figure => ({ name: "p99", unit: "ms", better: "lower", gated: true, values })
const throughput = (values: number[]): Figure => ({ name: "throughput", unit: "1/s", better: "higher", gated: true, values })
const errors = (values: number[]): Figure => ({ name: "errors", unit: "share", better: "lower", gated: true, values })

/** Times of one build on a machine that now and then is a third slower for both. */
const before = [40, 41, 40, 55, 42, 41, 40]
const times = (factor: number) => before.map((value) => value * factor)

describe("the verdict on one figure", () => {
  test.each([
    ["8 % slower", p99(before), p99(times(1.08)), "worse"],
    ["3 % slower", p99(before), p99(times(1.03)), "same"],
    ["20 % faster", p99(before), p99(times(0.8)), "better"],
    ["8 % less throughput", throughput(before), throughput(times(0.92)), "worse"],
    ["8 % more throughput", throughput(before), throughput(times(1.08)), "better"],
    ["slower by what runs of one build differ", p99([40, 52, 38, 50, 41]), p99([50, 40, 52, 39, 45]), "unclear"],
    ["errors where there were none", errors([0, 0, 0, 0, 0]), errors([0.01, 0.02, 0.01, 0.01, 0.02]), "worse"],
    ["one error in two thousand", errors([0, 0, 0, 0, 0]), errors([0, 0.0005, 0.0005, 0, 0.0005]), "same"],
    ["errors of an overload, as many as before", errors([0.5, 0.51, 0.5]), errors([0.51, 0.51, 0.52]), "same"],
    ["one run against one", p99([40]), p99([44]), "worse"],
  ] as const)("%s", (_what, one, other, verdict) => {
    expect(compareFigure(one, other).verdict).toBe(verdict)
  })

  test("counts the change for the worse upwards, whichever way the figure counts", () => {
    expect(compareFigure(p99(before), p99(times(1.1))).change).toBeCloseTo(0.1, 6)
    expect(compareFigure(throughput(before), throughput(times(0.5))).change).toBeCloseTo(1, 6)
  })
})

async function result(...figures: Figure[]): Promise<BenchResult> {
  return {
    kind: "load",
    startedAt: new Date(0).toISOString(),
    machine: await describeMachine(),
    options: {},
    figures,
    targets: [],
    details: {},
  }
}

describe("the comparison of results", () => {
  test("runs of several files are paired in their order, and what one side lacks is told", async () => {
    const old = await Promise.all([40, 41, 40, 42, 40].map((value) => result(p99([value]), errors([0]))))
    const fresh = await Promise.all([45, 46, 45, 47, 45].map((value) => result(p99([value]))))
    const compared = compareResults(old, fresh)
    expect(compared.figures.map(({ name, pairs, verdict }) => [name, pairs, verdict])).toEqual([["p99", 5, "worse"]])
    expect(compared.missing).toEqual(["errors"])
    expect(passes(compared)).toBe(false)
  })

  test("only gated figures fail it", async () => {
    const memory = (values: number[]): Figure => ({ name: "memory", unit: "MB", better: "lower", gated: false, values })
    const compared = compareResults([await result(memory(before))], [await result(memory(times(2)))])
    expect(compared.figures[0]?.verdict).toBe("worse")
    expect(passes(compared)).toBe(true)
  })

  test("the command exits with 1 on a regression, 0 without, and 2 on what it cannot read", async () => {
    using folder = tempFolder()
    const [old, same, slow, broken] = ["old", "same", "slow", "broken"].map((name) => folder.file(`${name}.json`))
    await writeResult(old!, await result(p99(before)))
    await writeResult(same!, await result(p99(times(1.01))))
    await writeResult(slow!, await result(p99(times(1.2))))
    await Bun.write(broken!, "{}")
    const compare = async (...argv: string[]) => {
      const command = [process.execPath, join(projectRoot, "scripts/bench/compare.ts"), ...argv]
      const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" })
      return { code: await child.exited, said: (await child.stdout.text()) + (await child.stderr.text()) }
    }
    expect(await compare(old!, same!)).toMatchObject({ code: 0, said: expect.stringContaining("no regression") })
    expect(await compare("--before", old!, "--after", slow!)).toMatchObject({
      code: 1,
      said: expect.stringContaining("+20.0 %"),
    })
    expect(await compare(old!, broken!)).toMatchObject({
      code: 2,
      said: expect.stringContaining("is no result of a benchmark"),
    })
    expect((await readResult(folder.file("absent.json"))).kind).toBe("failed")
  })
})
