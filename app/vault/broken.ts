/**
 * A stored value does not open: somebody changed it on the disk, it was brought from another row, or its key was taken away. No bug
 * of ours. `message` is for a person: which row, what is the matter, what helps; nothing of its content.
 */
export class BrokenSeal extends Error {
  override name = "BrokenSeal"
}

/** For who can do without one row that was damaged on the disk, so that it stops nobody else: `gatehouse verify` names it. */
export function unlessBroken<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof BrokenSeal) return undefined
    throw error
  }
}
