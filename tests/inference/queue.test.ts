import { describe, expect, test } from "bun:test"
import { createWorkQueue, type Queued } from "../../app/inference/queue.ts"

interface Named extends Queued {
  readonly name: string
}

function work(name: string, how: Partial<Queued> = {}): Named {
  return { name, priority: "interactive", policy: "reject", camera: undefined, heavy: false, ...how }
}

const names = (items: readonly Named[]) => items.map(({ name }) => name)

function filled(...items: readonly Named[]) {
  const queue = createWorkQueue<Named>()
  for (const item of items) expect(queue.admit(item, 100).kind).toBe("admitted")
  return queue
}

describe("the line of work", () => {
  test("the longest waiting goes first, and the background when nobody else waits", () => {
    const queue = filled(
      work("night 1", { priority: "background" }),
      work("door 1"),
      work("night 2", { priority: "background" }),
    )
    expect(queue.admit(work("door 2"), 100)).toEqual({ kind: "admitted" })
    expect([1, 2, 3, 4, 5].map(() => queue.take()?.name)).toEqual(["door 1", "door 2", "night 1", "night 2", undefined])
  })

  test("heavy ones are passed over while none may run, and keep their place", () => {
    const queue = filled(
      work("scan 1", { heavy: true }),
      work("door"),
      work("scan 2", { heavy: true }),
      work("night", { priority: "background" }),
    )
    expect([1, 2, 3].map(() => queue.take(false)?.name)).toEqual(["door", "night", undefined])
    expect([1, 2].map(() => queue.take(true)?.name)).toEqual(["scan 1", "scan 2"])
  })

  test("is full at its bound, and the one too many leaves no trace", () => {
    const queue = filled(work("a"), work("b"))
    expect(queue.admit(work("c"), 2)).toEqual({ kind: "full" })
    expect(names(queue.items())).toEqual(["a", "b"])
  })

  test("holds the background to half", () => {
    const queue = createWorkQueue<Named>()
    const night = (name: string) => work(name, { priority: "background" })
    expect(["1", "2", "3"].map((name) => queue.admit(night(name), 4).kind)).toEqual(["admitted", "admitted", "full"])
    expect(["4", "5", "6"].map((name) => queue.admit(work(name), 4).kind)).toEqual(["admitted", "admitted", "full"])
    const single = createWorkQueue<Named>()
    expect(single.admit(night("alone"), 1).kind).toBe("admitted")
  })

  test("a newer frame of a camera takes the older one's place in the line, full or not", () => {
    const older = work("gate 1", { camera: "gate" })
    const queue = filled(older, work("yard 1", { camera: "yard" }), work("door"))
    expect(queue.admit(work("gate 2", { camera: "gate" }), 3)).toEqual({ kind: "replaced", older })
    expect(names(queue.items())).toEqual(["gate 2", "yard 1", "door"])
  })

  test("a camera faster than the line comes to its head all the same", () => {
    const queue = filled(work("gate 0", { camera: "gate" }), work("door 0"))
    for (let frame = 1; frame <= 9; frame++) {
      queue.admit(work(`gate ${frame}`, { camera: "gate" }), 100)
      queue.admit(work(`door ${frame}`), 100)
    }
    expect(queue.take()?.name).toBe("gate 9")
  })

  test("work without a camera is nobody's older frame", () => {
    expect(filled(work("a"), work("b")).length).toBe(2)
  })

  test("dropOldest takes the place of the oldest of its kind, and only of its kind", () => {
    const oldest = work("frame 1", { policy: "dropOldest" })
    const queue = filled(work("door"), oldest, work("frame 2", { policy: "dropOldest" }))
    expect(queue.admit(work("frame 3", { policy: "dropOldest" }), 3)).toEqual({ kind: "displaced", oldest })
    expect(names(queue.items())).toEqual(["door", "frame 2", "frame 3"])
    const doors = filled(work("door 1"), work("door 2"))
    expect(doors.admit(work("frame", { policy: "dropOldest" }), 2)).toEqual({ kind: "full" })
  })

  test("the background displaces nobody before it, and is displaced first", () => {
    const frame = (name: string, priority: Queued["priority"]) => work(name, { policy: "dropOldest", priority })
    const queue = filled(frame("day", "interactive"))
    expect(queue.admit(frame("night 1", "background"), 1)).toEqual({ kind: "full" })
    const night = frame("night 2", "background")
    queue.admit(night, 2)
    expect(queue.admit(frame("day 2", "interactive"), 2)).toEqual({ kind: "displaced", oldest: night })
  })

  test("what left does not come up again", () => {
    const gone = work("gone")
    const queue = filled(gone, work("here"))
    expect([queue.remove(gone), queue.remove(gone)]).toEqual([true, false])
    expect(queue.take()?.name).toBe("here")
  })

  test("cut short, it loses the background first, then whoever has waited longest", () => {
    const night = { priority: "background" } as const
    const fill = () => filled(work("1"), work("2"), work("night 1", night), work("3"), work("night 2", night))
    const cut = (lengthMax: number) => {
      const queue = fill()
      return [names(queue.shorten(lengthMax)), names(queue.items())]
    }
    expect(cut(5)).toEqual([[], ["1", "2", "3", "night 1", "night 2"]])
    expect(cut(4)).toEqual([["night 1"], ["1", "2", "3", "night 2"]])
    expect(cut(2)).toEqual([
      ["night 1", "night 2", "1"],
      ["2", "3"],
    ])
    expect(cut(0)[1]).toEqual([])
  })
})
