/**
 * An engine as the box starts it, whose accelerator is the processor under another name and breaks as it is told to. Engines that are
 * to run on the processor are what they always are, so a box of this program has a processor to fall back on.
 *
 *   bun tests/support/engines/faulty.ts '<Faults as JSON>' engine --socket <path>
 */
import { appendFileSync, readFileSync } from "node:fs"
import { z } from "zod"
import { ProviderFault } from "../../../app/inference/engine/guard.ts"
import { runEngine } from "../../../app/inference/engine/main.ts"
import { type Analyzer, openAnalyzer } from "../../../app/inference/engine/run.ts"

const faultKinds = ["none", "error", "wrong", "hang", "crash", "bug", "unfit", "crash_at_load", "hang_at_load"] as const

const faults = z.strictObject({
  kind: z.enum(faultKinds),
  /** Of the run, counted from 1, from which on it breaks; those at load break at once. */
  from: z.int().positive().default(1),
  /** It breaks at so many runs in a row, and works again after that. */
  times: z.int().positive().default(1_000_000),
  /** Each start on the accelerator adds a letter to this file, and only the first `badStarts` of them break. */
  startsFile: z.string(),
  badStarts: z.int().positive().default(1_000_000),
})
export type Faults = z.input<typeof faults>

/** The command that starts it, for whoever starts engines. */
export function faultyCommand(told: Faults): readonly string[] {
  return [process.execPath, import.meta.path, JSON.stringify(told)]
}

if (import.meta.main) {
  const [told = "", , , socketPath = ""] = Bun.argv.slice(2)
  await runEngine(socketPath, openFaulty(faults.parse(JSON.parse(told))))
}

function openFaulty({ kind, from, times, startsFile, badStarts }: z.output<typeof faults>): typeof openAnalyzer {
  return async (set, options) => {
    const { plan, ...others } = options
    if (plan?.adapter !== "ort-ffi") return openAnalyzer(set, options)
    appendFileSync(startsFile, "x")
    const breaks = readFileSync(startsFile).length <= badStarts
    if (breaks && kind === "hang_at_load") stop()
    if (breaks && kind === "crash_at_load") process.kill(process.pid, "SIGSEGV")
    if (breaks && kind === "unfit") {
      const refusal = { provider: plan.provider, why: "cosine 0.2 with the processor", remedy: "update the driver" }
      return { kind: "unfit", why: "the known answers came out differently", refusals: [refusal] }
    }
    const opened = await openAnalyzer(set, others)
    if (opened.kind === "unfit") return opened
    const { analyzer } = opened
    const models = analyzer.models.map((model) => ({
      ...model,
      placement: { ...model.placement, requested: plan.provider, active: plan.provider },
    }))
    let runs = 0
    const analyzeTogether: Analyzer["analyzeTogether"] = async (given) => {
      runs += 1
      if (breaks && runs >= from && runs < from + times) breakDown(kind)
      return analyzer.analyzeTogether(given)
    }
    const verify: Analyzer["verify"] = async () => {
      runs += 1
      if (breaks && runs >= from && runs < from + times) breakDown(kind)
    }
    return { kind: "ready", analyzer: { ...analyzer, models, analyzeTogether, verify } }
  }
}

function breakDown(kind: Faults["kind"]) {
  switch (kind) {
    case "error":
      throw new ProviderFault("error", "device lost")
    case "wrong":
      throw new ProviderFault("wrong", "the known question came out differently")
    case "bug":
      throw new Error("a bug that is not the provider's")
    case "crash":
      return process.kill(process.pid, "SIGSEGV")
    case "hang":
      return stop()
    default:
      return undefined
  }
}

/** As a run that waits for a device that never answers: no processor time, no event loop. */
function stop(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
