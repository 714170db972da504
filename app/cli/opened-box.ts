import { createMetrics } from "../base/metrics.ts"
import type { Config } from "../config/config.ts"
import type { Thresholds } from "../gallery/match.ts"
import type { ModelSet } from "../inference/manifest.ts"
import type { Analyze } from "../pipeline/analyze.ts"
import { createJudge, pairThresholds, presentThresholds } from "../pipeline/judge.ts"
import type { RecognizeNeeds } from "../pipeline/recognize.ts"
import type { CliNeeds, OpenedGallery } from "./needs.ts"
import type { Outcome } from "./outcome.ts"
import { patient } from "./patient.ts"

/** Engines and gallery open at once, for the commands that work on people. */
export interface OpenedBox {
  readonly set: ModelSet
  readonly gallery: OpenedGallery
  readonly analyze: Analyze
  /** With the gallery: of a face against everybody in it. Without: of one face against another. */
  readonly thresholds: Thresholds
  /** What `pipeline/recognize.ts` asks for. */
  readonly recognizeNeeds: RecognizeNeeds
}

/** Does `work` with the running engines and closes them, however it ended. */
export async function withEngines(
  config: Config,
  needs: CliNeeds,
  work: (opened: Pick<OpenedBox, "set" | "analyze" | "thresholds">) => Promise<Outcome>,
): Promise<Outcome> {
  const engines = await needs.openEngines(config)
  if (engines.kind !== "ok") return engines
  const { set, pool, close } = engines.value
  try {
    return await work({
      set,
      analyze: patient(pool.analyze),
      thresholds: pairThresholds(set.embedding.calibration.curve, config.recognition.decisions),
    })
  } finally {
    await close()
  }
}

/**
 * As `withEngines`, with the gallery of the data folder.
 * @param whyNot why it is not to be done with this gallery: asked before an engine starts
 */
export async function withBox(
  config: Config,
  needs: CliNeeds,
  work: (box: OpenedBox) => Promise<Outcome>,
  whyNot: (gallery: Pick<OpenedGallery, "site">) => Promise<string | undefined> = async () => undefined,
): Promise<Outcome> {
  const gallery = await needs.openGallery(config)
  if (gallery.kind !== "ok") return gallery
  try {
    const why = await whyNot(gallery.value)
    if (why !== undefined) return { kind: "failed", why }
    return await withEngines(config, needs, ({ set, analyze }) => {
      const { search, facesSearched } = gallery.value
      const { space, calibration } = set.embedding
      const judge = createJudge({
        curve: calibration.curve,
        options: config.recognition.decisions,
        facesSearched: (group) => facesSearched(space, group),
      })
      const recognizeNeeds = { analyze, search, space, judge, metrics: createMetrics() }
      return work({ set, gallery: gallery.value, analyze, thresholds: presentThresholds(judge), recognizeNeeds })
    })
  } finally {
    await gallery.value.close()
  }
}
