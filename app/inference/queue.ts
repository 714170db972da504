import type { Policy, Priority } from "./work.ts"

/** What the line goes by. */
export interface Queued {
  readonly priority: Priority
  readonly policy: Policy
  readonly camera: string | undefined
  /** Takes an engine several times as long as what a camera sends. */
  readonly heavy: boolean
}

export type Admittance<Item> =
  | { readonly kind: "admitted" }
  /** `older` is the frame of the same camera whose place it took. */
  | { readonly kind: "replaced"; readonly older: Item }
  /** There was no room, and the oldest work of the policy `dropOldest` left. */
  | { readonly kind: "displaced"; readonly oldest: Item }
  | { readonly kind: "full" }

/** Who waits, and in what order. No clocks, no promises: what becomes of the items is the owner's affair. */
export interface WorkQueue<Item extends Queued> {
  readonly length: number
  /** In the order in which they will be taken. */
  items(): readonly Item[]
  /** @param lengthMax so many may wait, the newcomer included; half of them in the background */
  admit(item: Item, lengthMax: number): Admittance<Item>
  /**
   * Takes out the next to run: the longest waiting of the interactive, then of the background.
   * @param mayBeHeavy false: heavy ones are passed over
   */
  take(mayBeHeavy?: boolean): Item | undefined
  /** False when it was not waiting any more. */
  remove(item: Item): boolean
  /** Takes out all but `lengthMax`: first the background, then those that have waited longest. */
  shorten(lengthMax: number): Item[]
}

export function createWorkQueue<Item extends Queued>(): WorkQueue<Item> {
  /** Oldest first. */
  const lanes: Readonly<Record<Priority, Item[]>> = { interactive: [], background: [] }
  const length = () => lanes.interactive.length + lanes.background.length

  function hasRoom(priority: Priority, lengthMax: number): boolean {
    if (length() >= lengthMax) return false
    return priority === "interactive" || lanes.background.length < Math.max(1, Math.floor(lengthMax / 2))
  }

  /** Puts the newcomer into the place of an older frame of its camera. */
  function replaceFrame(item: Item): Item | undefined {
    if (item.camera === undefined) return undefined
    const lane = lanes[item.priority]
    const at = lane.findIndex(({ camera }) => camera === item.camera)
    // In its place and not behind all others: a camera faster than the line would else never come to its head.
    return at < 0 ? undefined : lane.splice(at, 1, item)[0]
  }

  /** Who gives way to work of the policy `dropOldest`; never one that goes before it. */
  function oldestDroppable(priority: Priority): Item | undefined {
    const candidates = priority === "interactive" ? [...lanes.background, ...lanes.interactive] : lanes.background
    return candidates.find(({ policy }) => policy === "dropOldest")
  }

  function remove(item: Item): boolean {
    const lane = lanes[item.priority]
    const at = lane.indexOf(item)
    if (at >= 0) lane.splice(at, 1)
    return at >= 0
  }

  return {
    get length() {
      return length()
    },
    items: () => [...lanes.interactive, ...lanes.background],

    admit(item, lengthMax) {
      const older = replaceFrame(item)
      if (older !== undefined) return { kind: "replaced", older }
      if (hasRoom(item.priority, lengthMax)) {
        lanes[item.priority].push(item)
        return { kind: "admitted" }
      }
      const oldest = item.policy === "dropOldest" ? oldestDroppable(item.priority) : undefined
      if (oldest === undefined) return { kind: "full" }
      remove(oldest)
      lanes[item.priority].push(item)
      return { kind: "displaced", oldest }
    },

    take(mayBeHeavy = true) {
      const fits = ({ heavy }: Item) => mayBeHeavy || !heavy
      const next = lanes.interactive.find(fits) ?? lanes.background.find(fits)
      if (next !== undefined) remove(next)
      return next
    },
    remove,

    shorten(lengthMax) {
      const { interactive, background } = lanes
      const cutBackground = background.splice(0, Math.max(0, length() - lengthMax))
      return [...cutBackground, ...interactive.splice(0, Math.max(0, length() - lengthMax))]
    },
  }
}
