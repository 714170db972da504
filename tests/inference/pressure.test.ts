import { expect, test } from "bun:test"
import { createPressure } from "../../app/inference/pressure.ts"

/** Turns somebody away every so many ms. */
function turnAway(pressure: ReturnType<typeof createPressure>, fromMs: number, untilMs: number, everyMs: number) {
  for (let tickMs = fromMs; tickMs <= untilMs; tickMs += everyMs) pressure.turnedAway(tickMs)
}

test("a burst is no overload", () => {
  const pressure = createPressure()
  turnAway(pressure, 0, 120, 1)
  expect(pressure.isOn(120)).toBe(false)
})

test("refusals without a pause are", () => {
  const pressure = createPressure()
  turnAway(pressure, 0, 300, 20)
  expect(pressure.isOn(300)).toBe(true)
})

test("single refusals are not, however long they come", () => {
  const pressure = createPressure()
  turnAway(pressure, 0, 60_000, 150)
  expect(pressure.isOn(60_000)).toBe(false)
})

test("two bursts with a pause between them are two bursts", () => {
  const pressure = createPressure()
  turnAway(pressure, 0, 120, 1)
  turnAway(pressure, 400, 520, 1)
  expect(pressure.isOn(520)).toBe(false)
})

test("it stays on while somebody is turned away now and then, and ends with half a second of calm", () => {
  const pressure = createPressure()
  turnAway(pressure, 0, 300, 20)
  turnAway(pressure, 300, 10_200, 450)
  expect(pressure.isOn(10_600)).toBe(true)
  expect(pressure.isOn(10_800)).toBe(false)
  pressure.turnedAway(10_900)
  expect(pressure.isOn(10_900)).toBe(false)
})
