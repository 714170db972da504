import { expect, test } from "bun:test"
import { type Embedding, parseSpace, type Space, similarity, type VectorOf } from "../../app/face/embedding.ts"
import type { Gallery } from "../../app/gallery/gallery.ts"

/** Never called: the compiler reads it, and says so if one of these lines were allowed. */
export function mixed<From extends Space, To extends Space>(
  { search }: Pick<Gallery, "search">,
  from: Embedding<From>,
  to: Embedding<To>,
) {
  // @ts-expect-error: a vector of one space, asked in the other
  void search(to.space, from.vector, 1)
  // @ts-expect-error: compared with one of the other
  similarity(from.vector, to.vector)
  // @ts-expect-error: told to be of the other
  const told: Embedding<To> = { space: to.space, vector: from.vector }
  // What belongs together goes together.
  void search(from.space, from.vector, 1)
  similarity(to.vector, to.vector)
  return told
}

test("to the program a vector of a space is its numbers", () => {
  const space = parseSpace("test@00000000/2") as Space
  const vector: VectorOf<typeof space> = Float32Array.of(0.6, 0.8)
  expect(similarity(vector, vector)).toBeCloseTo(1)
})
