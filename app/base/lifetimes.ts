/** What was opened, closed again in reverse order. */
export interface Lifetimes extends AsyncDisposable {
  /** Keeps `resource` and closes it later with `close`. */
  adopt<Resource>(resource: Resource, close: (resource: Resource) => void | Promise<void>): Resource
  defer(close: () => void | Promise<void>): void
  close(): Promise<void>
}

/** Every close runs even when an earlier one threw; the first error is thrown at the end. */
export function createLifetimes(): Lifetimes {
  const stack = new AsyncDisposableStack()
  const close = () => stack.disposeAsync()
  return {
    adopt: (resource, closeResource) => stack.adopt(resource, async (open) => closeResource(open)),
    defer: (closeLater) => stack.defer(async () => closeLater()),
    close,
    [Symbol.asyncDispose]: close,
  }
}
