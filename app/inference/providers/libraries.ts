import { readdir, realpath, stat } from "node:fs/promises"
import { join, resolve } from "node:path"

/** Where a board's own ONNX Runtime may lie. */

/** For whoever puts one there on purpose; looked at before the folders of the system. */
export const ownFolder = "/opt/gatehouse/ort"

const multiarch: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }

export function systemFolders(arch: string = process.arch): readonly string[] {
  const triplet = multiarch[arch]
  const ofArchitecture = triplet === undefined ? [] : [`/usr/local/lib/${triplet}`, `/usr/lib/${triplet}`]
  // The last ones are those of openEuler and its kin, and of CUDA's own repositories.
  return ["/usr/local/lib", ...ofArchitecture, "/usr/local/lib64", "/usr/lib64", "/usr/lib"]
}

const libraryName = /^libonnxruntime\.so(\.[\d.]+)?$/

/**
 * Libraries of ONNX Runtime, best first, each once: what is named, and nothing else then; else what lies in `folders`.
 * @param named file or folder; it need not be there, and is returned all the same
 */
export async function findLibraries(named: string | null, folders?: readonly string[]): Promise<readonly string[]> {
  if (named !== null) {
    const path = resolve(named)
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
    return isFolder ? [(await inFolder(path))[0] ?? join(path, "libonnxruntime.so")] : [path]
  }
  const places = folders ?? [ownFolder, join(ownFolder, "lib"), ...systemFolders()]
  const found = new Map<string, string>()
  for (const folder of places)
    for (const path of await inFolder(folder)) {
      // `libonnxruntime.so` is a link to `libonnxruntime.so.1`, which is one to the file.
      const real = await realpath(path).catch(() => undefined)
      if (real !== undefined && !found.has(real)) found.set(real, path)
    }
  return [...found.values()]
}

/** The one without a version in its name first, then the newest. */
async function inFolder(folder: string): Promise<string[]> {
  // A folder that is not there holds none.
  const names = await readdir(folder).catch((): string[] => [])
  const numeric = new Intl.Collator("en", { numeric: true })
  const bare = (name: string) => (name.endsWith(".so") ? 1 : 0)
  return names
    .filter((name) => libraryName.test(name))
    .toSorted((a, b) => bare(b) - bare(a) || numeric.compare(b, a))
    .map((name) => join(folder, name))
}
