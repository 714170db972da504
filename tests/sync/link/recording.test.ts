import { expect, test } from "bun:test"
import { createRecording } from "../../../app/sync/link/recording.ts"
import { until } from "./support.ts"

function openRecording(given: { pages?: number[]; backlog?: number[]; hasChanged?: () => boolean } = {}) {
  const { pages = [], backlog = [], hasChanged = () => false } = given
  const state = { recorded: 0, asked: 0, errors: 0, failNext: false }
  const recording = createRecording({
    drain() {
      state.asked++
      if (state.failNext) {
        state.failNext = false
        throw new Error("the disk is full")
      }
      return pages.shift() ?? 0
    },
    pageMax: 128,
    backlogPage: () => backlog.shift() ?? 0,
    hasChanged,
    recorded: () => void state.recorded++,
    log: { error: () => void state.errors++ },
  })
  return { state, pages, ...recording, [Symbol.asyncDispose]: recording.close }
}

test("what was there at the start is recorded page by page, and then who was there before the box joined", async () => {
  await using recording = openRecording({ pages: [128, 128, 7], backlog: [50, 3] })
  await recording.caughtUp
  expect(recording.pages).toEqual([])
  await until("all recorded", () => recording.state.recorded === 5)
  await Bun.sleep(30)
  expect(recording.state.recorded).toBe(5)
})

test("a change of this process is recorded soon, one of another process as soon as it is seen", async () => {
  let elsewhere = false
  await using recording = openRecording({ hasChanged: () => elsewhere })
  await until("looked once", () => recording.state.asked === 1)
  recording.pages.push(1)
  recording.changed()
  await until("recorded", () => recording.state.recorded === 1)
  recording.pages.push(1)
  elsewhere = true
  await until("recorded, too", () => recording.state.recorded === 2)
})

test("changes that follow each other quickly cost few transactions", async () => {
  await using recording = openRecording()
  await until("looked once", () => recording.state.asked === 1)
  for (let change = 0; change < 40; change++) {
    recording.pages[0] = (recording.pages[0] ?? 0) + 1
    recording.changed()
    await Bun.sleep(1)
  }
  await until("all recorded", () => recording.pages.length === 0)
  expect(recording.state.recorded).toBeLessThan(20)
})

test("a recording that fails is told of, and tried again at the next change", async () => {
  await using recording = openRecording()
  await until("looked once", () => recording.state.asked === 1)
  recording.state.failNext = true
  recording.pages.push(1)
  recording.changed()
  await until("failed", () => recording.state.errors === 1)
  recording.changed()
  await until("recorded", () => recording.state.recorded === 1)
})

test("a recording that cannot catch up keeps nobody from talking, and one that ends neither", async () => {
  await using recording = openRecording({ pages: [128] })
  recording.state.failNext = true
  await recording.caughtUp
  expect(recording.state.errors).toBe(1)
  const ended = openRecording()
  await ended.close()
  await ended.caughtUp
})
