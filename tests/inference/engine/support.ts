import { join } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import { type Analyzer, openAnalyzer } from "../../../app/inference/engine/run.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import { locateModelSet } from "../../../app/inference/models.ts"
import { sharedModels } from "../../support/shared.ts"

export const setNames = ["default", "better", "light"] as const

/** The default set is made by set-up; the weights of the others lie beside the checkout or are not there. */
export function hasSet(name: string): boolean {
  return name === "default" || sharedModels() !== undefined
}

export async function locateSet(name: string): Promise<ModelSet> {
  const shared = sharedModels()
  const searchFolders = shared === undefined ? [] : [shared]
  const located = await locateModelSet({ modelsFolder: join(projectRoot, "models"), searchFolders, set: name })
  if (located.kind === "failed") throw new Error(located.why)
  return located.set
}

/** `await using` closes it. */
export async function openSet(set: ModelSet): Promise<Analyzer & AsyncDisposable> {
  const opened = await openAnalyzer(set, { threads: 1 })
  if (opened.kind === "unfit") throw new Error(opened.why)
  return { ...opened.analyzer, [Symbol.asyncDispose]: () => opened.analyzer.close() }
}

/** A photograph of several women in colour, which comes with a development package. */
export function samplePhoto(number: 1 | 2 | 3 | 4 | 5 | 6): string {
  return join(projectRoot, `node_modules/@vladmandic/face-api/demo/sample${number}.jpg`)
}
