import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/**
 * Which files below a folder hold these bytes. A server writes a moment after it has answered.
 * @param until what is waited for, for some seconds
 */
export async function filesWith(
  folder: string,
  bytes: Uint8Array,
  until: "some" | "none",
  triesMax = 40,
): Promise<readonly string[]> {
  for (let tries = 1; ; tries++) {
    const found = search(folder, bytes)
    if ((until === "none") === (found.length === 0) || tries >= triesMax) return found
    await Bun.sleep(250)
  }
}

function search(folder: string, bytes: Uint8Array): readonly string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.flatMap(({ parentPath, name }) =>
    contentOf(join(parentPath, name)).includes(bytes) ? [join(parentPath, name)] : [],
  )
}

/** A file may leave while it is looked for. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0)
    throw error
  }
}
