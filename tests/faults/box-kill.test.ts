import { expect, test } from "bun:test"
import { startBox, testAdminKey } from "../support/box.ts"
import { tempFolder } from "../support/shared.ts"

const loops = 50
const writers = 4

/** A vector that stands for person `n` alone. */
function vectorOf(n: number, dimension: number): number[] {
  let state = (n + 1) * 2_654_435_761
  return Array.from({ length: dimension }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) >>> 0
    return state / 2 ** 32 - 0.5
  })
}

test(`kill -9 of the box after an acknowledged enrolment loses nothing, ${loops} times`, async () => {
  using folder = tempFolder()
  const acknowledged = new Map<string, number>()
  let people = 0
  let space = ""

  for (let loop = 0; loop < loops; loop++) {
    const box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
    if (space === "") space = ((await (await box.ask("/v1/system")).json()) as { models: { space: string } }).models.space
    const dimension = Number(space.slice(space.lastIndexOf("/") + 1))

    let killed = false
    const enrolUntilKilled = async () => {
      while (!killed) {
        const n = people++
        try {
          const json = { method: "POST", headers: { "content-type": "application/json" } }
          const created = await box.ask("/v1/subjects", { ...json, body: JSON.stringify({ name: `Person ${n}` }) })
          if (created.status !== 201) continue
          const { id } = (await created.json()) as { id: string }
          const added = await box.ask(`/v1/subjects/${id}/faces`, {
            ...json,
            body: JSON.stringify({ embedding: vectorOf(n, dimension), space }),
          })
          if (added.status === 201) acknowledged.set(id, n)
        } catch (error) {
          // A request cut by the kill was never acknowledged; anything else is a failure.
          if (!killed && !(error instanceof Error)) throw error
        }
      }
    }
    const writing = Array.from({ length: writers }, enrolUntilKilled)
    await Bun.sleep(30 + ((loop * 37) % 120))
    box.process.kill("SIGKILL")
    killed = true
    await Promise.all([box.process.exited, ...writing])
  }

  await using box = await startBox(folder.path, { GATEHOUSE_ENGINES: "1" })
  const dimension = Number(space.slice(space.lastIndexOf("/") + 1))
  expect(acknowledged.size).toBeGreaterThan(loops)
  const lost: number[] = []
  for (const [id, n] of acknowledged) {
    const found = await box.ask("/v1/search", {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": testAdminKey },
      body: JSON.stringify({ embedding: vectorOf(n, dimension), space, k: 1 }),
    })
    const { candidates } = (await found.json()) as { candidates: { subjectId: string }[] }
    if (candidates[0]?.subjectId !== id) lost.push(n)
  }
  expect(lost).toEqual([])
}, 300_000)
