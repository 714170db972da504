/**
 * Runs one network on the same tensors for a while and prints how often: `worker.ts <weights> <published|prepared> <seconds>
 * <shape>=<file> …`. A process of its own, because two networks in one process share a runtime.
 */
import { nowTickMs } from "../../../app/base/ticks.ts"
import { type FloatTensor, openNetwork } from "../../../app/inference/engine/ort.ts"

const [weights = "", form, seconds, ...inputs] = process.argv.slice(2)
const network = await openNetwork(await Bun.file(weights).bytes(), { threads: 1, asPublished: form === "published" })
const tensors: FloatTensor[] = []
for (const input of inputs) {
  const [shape = "", path = ""] = input.split("=")
  tensors.push({ data: new Float32Array(await Bun.file(path).arrayBuffer()), shape: shape.split("x").map(Number) })
}
const runAll = async () => {
  for (const tensor of tensors) await network.run(tensor)
}
for (let warm = 0; warm < 3; warm++) await runAll()
const startTickMs = nowTickMs()
let count = 0
while (nowTickMs() - startTickMs < Number(seconds) * 1000) {
  await runAll()
  count += 1
}
console.log((count / (nowTickMs() - startTickMs)) * 1000)
process.exit(0)
