/**
 * Runs networks one after the other on the same tensors for a while and prints how often: `worker.ts <work as JSON>`. A process
 * of its own, as an engine is: two networks in one process share a runtime.
 */
import { z } from "zod"
import { nowTickMs } from "../../../app/base/ticks.ts"
import { type FloatTensor, openNetwork } from "../../../app/inference/engine/ort.ts"

const workSchema = z.strictObject({
  seconds: z.number().positive(),
  networks: z.array(
    z.strictObject({
      weights: z.string(),
      asPublished: z.boolean(),
      tensors: z.array(z.strictObject({ path: z.string(), shape: z.array(z.int()) })),
    }),
  ),
})
export type Work = z.output<typeof workSchema>

if (import.meta.main) {
  console.log(await rateOf(workSchema.parse(JSON.parse(process.argv[2] ?? ""))))
  process.exit(0)
}

/** Passes over all networks in a second. */
async function rateOf({ seconds, networks }: Work): Promise<number> {
  const runs: (() => Promise<unknown>)[] = []
  for (const { weights, asPublished, tensors } of networks) {
    const network = await openNetwork(await Bun.file(weights).bytes(), { threads: 1, asPublished })
    for (const { path, shape } of tensors) {
      const input: FloatTensor = { data: new Float32Array(await Bun.file(path).arrayBuffer()), shape }
      runs.push(() => network.run(input))
    }
  }
  const runAll = async () => {
    for (const run of runs) await run()
  }
  for (let warm = 0; warm < 3; warm++) await runAll()
  const startTickMs = nowTickMs()
  let count = 0
  while (nowTickMs() - startTickMs < seconds * 1000) {
    await runAll()
    count += 1
  }
  return (count / (nowTickMs() - startTickMs)) * 1000
}
