/**
 * How many searches a second two threads of the library itself make, with nothing around them. Started by
 * scripts/bench/search-http.ts, as a thread of which there are several.
 */
import { z } from "zod"
import { loadHnswlib } from "../../../app/gallery/hnswlib.ts"
import { searchShared } from "../../../app/gallery/search-shared.ts"
import { readSpread, vectorSource } from "./vectors.ts"

declare const self: Worker

export const rawJobSchema = z.strictObject({
  /** A number of an index that all threads share, or a file of the package's own class. */
  index: z.union([z.int(), z.string()]),
  width: z.int().positive(),
  /** Faces asked for. */
  count: z.int().positive(),
  people: z.int().positive(),
  skip: z.int().nonnegative(),
  requests: z.int().positive(),
})

self.onmessage = async (event: MessageEvent<unknown>) => {
  const { index, width, count, people, skip, requests } = rawJobSchema.parse(event.data)
  const loaded = loadHnswlib()
  if (loaded.kind === "failed") throw new Error(loaded.why)
  const source = vectorSource("faces", await readSpread())
  const vectors = source.queries(skip + requests, people)
  const graph = new loaded.hnswlib.HierarchicalNSW("ip", source.dimension)
  if (typeof index === "string") {
    graph.readIndexSync(index)
    graph.setEf(width)
  }
  const search = (vector: Float32Array) =>
    typeof index === "string"
      ? graph.searchKnn(Array.from(vector), count).neighbors
      : searchShared(loaded.shared, index, { vector, count, width }).labels
  const at = (i: number) => vectors.slice((skip + i) * source.dimension, (skip + i + 1) * source.dimension)
  for (let i = 0; i < 200; i++) search(at(i))
  self.postMessage("ready")
  self.onmessage = () => {
    const startTickMs = performance.now()
    for (let i = 0; i < requests; i++) search(at(i))
    self.postMessage((performance.now() - startTickMs) / 1000)
  }
}
