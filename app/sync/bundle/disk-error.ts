/** What a disk says no with (`ENOSPC`, `EIO`); `undefined` for anything else, which is a bug. */
export function diskErrorOf(error: unknown): string | undefined {
  const isOfDisk = error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string"
  return isOfDisk ? (error.code as string) : undefined
}
