import { nowTickMs } from "../../app/base/ticks.ts"
import { similarity } from "../../app/face/embedding.ts"
import { demoPhotos, readDemoPhoto } from "../../scripts/demo/people.ts"
import { type GoldenPairs, startEngines } from "./photographs.ts"

/**
 * Similarities of all pairs among twelve people of the colour photographs that every checkout has. LFW's photographs are grey:
 * they cannot tell red from blue.
 */
export async function colourSimilarities(setName: string): Promise<GoldenPairs> {
  await using engines = await startEngines(setName)
  const vectors: Float32Array[] = []
  for (const { file, people } of demoPhotos) {
    const options = { faceWidthPxMin: 80, facesMax: 20, embed: "all" } as const
    const answer = await engines.pool.analyze({
      picture: await readDemoPhoto(file),
      options,
      deadlineTickMs: nowTickMs() + 60_000,
    })
    if (answer.kind !== "ok") throw new Error(`${file}: ${answer.kind}`)
    const { width, height } = answer.image
    for (const { name, at, enrolled } of people) {
      if (!enrolled) continue
      const [x, y] = [at[0] * width, at[1] * height]
      const face = answer.faces.find(({ box }) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height)
      if (face?.embedding === undefined) throw new Error(`${file}: no face where ${name} is`)
      vectors.push(face.embedding)
    }
  }
  return {
    space: engines.set.embedding.space,
    similarities: vectors.flatMap((a, i) => vectors.slice(i + 1).map((b) => Number(similarity(a, b).toFixed(4)))),
  }
}
