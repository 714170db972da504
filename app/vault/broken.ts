/**
 * A stored value does not open: somebody changed it on the disk, it was brought from another row, or its key was taken away. No bug
 * of ours. `message` is for a person: which row, what is the matter, what helps; nothing of its content.
 */
export class BrokenSeal extends Error {
  override name = "BrokenSeal"
}
