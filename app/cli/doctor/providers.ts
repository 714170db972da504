import type { AcceleratorStatus } from "../../inference/accelerator-status.ts"
import type { PoolStatus } from "../../inference/pool.ts"
import type { PlacementReport, ProviderRefusal } from "../../inference/providers/plan.ts"
import { type Finding, ok, warn } from "./finding.ts"

type LoadedModel = PoolStatus["models"][number]

/** What each model runs on, and why on nothing better. */
export function checkPlacements(
  models: readonly LoadedModel[],
  accelerator: AcceleratorStatus | undefined,
): readonly Finding[] {
  const findings = models.map((model) => ok("runs on", placementLine(model)))
  if (accelerator === undefined) return findings
  const { state, preparation, refusals } = accelerator
  if (preparation !== undefined) {
    const what = `${preparation.provider}: ${preparation.stage} ${preparation.model ?? ""}`.trimEnd()
    findings.push(warn("accelerator", `${what} is under way; the processor serves`, "gatehouse warm waits until it is done"))
  } else if (state !== "absent") findings.push(ok("accelerator", state))
  return [...findings, ...checkRefusals(refusals)]
}

/** One line: requested, active, nodes, library and its version, cache, load (TensorRT compiles in it what is not in the cache), first run, known answer. */
export function placementLine({ role, name, version, loadMs, goldenError, placement }: LoadedModel): string {
  const { requested, active, library, libraryVersion, cache, warmMs, score, overlap } = placement
  const parts = [
    `requested ${requested}`,
    `active ${active}`,
    ...nodesOf(placement),
    `${library} ${libraryVersion}`,
    `cache ${cache}`,
    `load ${loadMs.toFixed(0)} ms`,
    `first run ${warmMs.toFixed(0)} ms`,
    active === "cpu" ? `known answer: error ${goldenError.toExponential(1)}` : `known answer ${score.toFixed(4)}`,
    ...(overlap === undefined ? [] : [`boxes ${overlap.toFixed(3)}`]),
  ]
  return `${role} ${name} ${version}: ${parts.join(", ")}`
}

function nodesOf({ nodes }: PlacementReport): string[] {
  if (nodes === undefined) return []
  return [
    `nodes ${Object.entries(nodes)
      .map(([provider, count]) => `${provider} ${count}`)
      .join(" + ")}`,
  ]
}

/** Those with the same reason together. That there is nothing of the kind on a machine is no warning. */
export function checkRefusals(refusals: readonly ProviderRefusal[]): readonly Finding[] {
  const byReason = Map.groupBy(refusals, ({ why }) => why)
  return [...byReason].map(([why, group]) => {
    const providers = [...new Set(group.map(({ provider }) => provider))].join(", ")
    const [{ remedy, absent } = { remedy: "", absent: false }] = group
    if (absent === true) return ok("accelerator", `no ${providers}: ${why}; ${remedy}`)
    return warn("accelerator", `${providers} is not used: ${why}`, remedy)
  })
}
