import type { Result } from "../../base/result.ts"
import type { Space } from "../../face/embedding.ts"
import type { Gallery } from "../../gallery/gallery.ts"
import type { ModelListing } from "../../inference/models.ts"
import type { PoolStatus } from "../../inference/pool.ts"
import { type Exposure, exposureOf } from "../../vault/exposure.ts"
import type { findMasterKeys } from "../../vault/master.ts"
import type { Locked } from "../outcome.ts"
import { counted } from "../terminal.ts"
import { type Finding, fail, ok, warn } from "./finding.ts"
import { checkPlacements } from "./providers.ts"

export function checkModels({ sets, inUse }: ModelListing): readonly Finding[] {
  const findings: Finding[] = [
    inUse.kind === "ok" ? ok("model set", `${inUse.value} in use`) : fail("model set", "none can be served", inUse.why),
  ]
  for (const set of sets)
    for (const model of set.models) {
      const name = `${set.name}: ${model.role} ${model.name} ${model.version}`
      if (model.state.kind === "ok") findings.push(ok("model", name))
      // Only the set in use has to be whole; another one may lack its files for good.
      else if (inUse.kind === "ok" && inUse.value === set.name) findings.push(fail("model", name, model.state.why))
      else findings.push(warn("model", `${name} cannot be used`, model.state.why))
    }
  return findings
}

/** An engine is ready only after its models gave their known answers. */
export function checkEngines(status: Result<PoolStatus>): readonly Finding[] {
  if (status.kind === "failed") return [fail("engines", "none started", status.why)]
  const { state, reasons, engines, runtime, models } = status.value
  // Where an accelerator serves, engines on the processor are let go.
  const staying = engines.filter((engine) => engine.state !== "stopping")
  const counted = `${staying.filter((engine) => engine.state === "idle" || engine.state === "busy").length} of ${staying.length} ready`
  const findings: Finding[] = [
    state === "ready"
      ? ok("engines", counted)
      : fail("engines", `${counted}: ${reasons.join("; ")}`, "the log of the box (GATEHOUSE_LOG=debug) tells more"),
  ]
  if (runtime !== undefined)
    findings.push(
      ok("inference", `${runtime.name} ${runtime.version}, provider ${runtime.provider}, ${runtime.threads} threads`),
    )
  return [...findings, ...checkPlacements(models, status.value.accelerator)]
}

/** `spaces`: those the model sets at hand embed into. */
export function checkGallery(
  opened: Result<Pick<Gallery, "counts" | "indexStatus">> | Locked,
  inUse: Space | undefined,
  spaces: ReadonlySet<string>,
): readonly Finding[] {
  if (opened.kind === "locked") return [fail("sealing", "the data folder is locked", opened.why)]
  if (opened.kind === "failed") return [fail("gallery", "cannot be opened", opened.why)]
  const counts = opened.value.counts()
  const findings: Finding[] = [ok("gallery", `${counted(counts.subjects, "subject")}, ${counted(counts.faces, "face")}`)]
  for (const { space, faces } of counts.spaces) {
    if (space === inUse) findings.push(ok("space", `${space}: ${counted(faces, "face")}, served by the set in use`))
    else if (spaces.has(space))
      findings.push(
        warn(
          "space",
          `${space}: ${counted(faces, "face")} not searched`,
          "the set in use embeds elsewhere: enrol them again, or start with the set of this space (--set)",
        ),
      )
    else
      findings.push(
        warn(
          "space",
          `${space}: ${counted(faces, "face")} of no model at hand`,
          "bring that model back, or enrol these people again and delete the old faces",
        ),
      )
  }
  for (const index of opened.value.indexStatus())
    findings.push(
      index.state === "failed"
        ? warn(
            "index",
            `${index.space}: ${index.state}`,
            "searches compare with every face instead, which is slower; the log of the box has the cause",
          )
        : ok("index", `${index.space}: ${counted(index.faces, "face")}, ${index.state}, ${index.variant}`),
    )
  return findings
}

export function checkSealing({ level, text, remedy = "" }: Exposure): Finding {
  return level === "ok" ? ok("sealing", text) : warn("sealing", text, remedy)
}

/** @param isLacking whether the folder is sealed and nobody was given one */
export function checkRecoveryKey(isLacking: boolean): readonly Finding[] {
  if (!isLacking) return []
  const remedy = "gatehouse vault recovery shows one, once; keep it on paper"
  return [warn("recovery key", "nobody has one: backups are lost with the master key", remedy)]
}

/** Of a folder that the first start will make. */
export function checkNewSealing(found: ReturnType<typeof findMasterKeys>): Finding {
  if (found.kind === "failed") return fail("sealing", "the master key cannot be used", found.why)
  return checkSealing(exposureOf(found.value[0]?.source))
}
