import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"

/**
 * The folder of research photographs and of the better weights, beside the checkout. Neither may be committed, so a plain
 * clone has none of it: a test that needs it says so with `test.skipIf(sharedFolder() === undefined)`.
 */
export function sharedFolder(): string | undefined {
  const folder = resolve(projectRoot, "../shared")
  return existsSync(join(folder, "data")) ? folder : undefined
}

/** The better weights (`*.onnx`) of the shared folder. */
export function sharedModels(): string | undefined {
  const folder = resolve(projectRoot, "../shared/models")
  return existsSync(folder) ? folder : undefined
}

export interface TempFolder extends Disposable {
  readonly path: string
  /** A path inside the folder; nothing is made there. */
  file(...names: string[]): string
}

/** `using folder = tempFolder()`: an empty folder that is gone with the scope. */
export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), "gatehouse-test-"))
  return {
    path,
    file: (...names) => join(path, ...names),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
