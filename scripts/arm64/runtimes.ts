import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Result } from "../../app/base/result.ts"

const libraryName = "node_modules/onnxruntime-node/bin/*/linux/arm64/libonnxruntime.so.1"

/**
 * The short form of the adapters' conformance suite: the ARM64 program speaks to its own ONNX Runtime through the C API as it does
 * to a board's, and has to get the same bits and words as through the package. Prints what it found.
 * @param command the program on ARM64, with what enters the root before it
 * @param config its configuration file
 * @param library where the program sees the library; undefined: where the program has unpacked it below the temporary folder
 */
export async function compareRuntimes(
  command: readonly string[],
  config: string,
  library = unpackedLibrary(),
): Promise<Result<boolean>> {
  if (library === undefined) return { kind: "failed", why: `no ${libraryName} was unpacked below ${tmpdir()}` }
  const startsMs = performance.now()
  const child = Bun.spawn([...command, "compare-runtimes", library, "--exact", "--short"], {
    env: {
      ...process.env,
      TMPDIR: tmpdir(),
      GATEHOUSE_CONFIG: config,
      GATEHOUSE_MODEL_SET: "default",
      GATEHOUSE_LOG: "error",
      GATEHOUSE_ADMIN_KEY: "no box is started here",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  })
  const told = await new Response(child.stdout).text()
  const exitCode = await child.exited
  const seconds = ((performance.now() - startsMs) / 1000).toFixed(1)
  console.log(`\nONNX Runtime through its C API, on ARM64, in ${seconds} s:\n${told}`)
  if (exitCode === 0 || exitCode === 1) return { kind: "ok", value: exitCode === 0 }
  return { kind: "failed", why: `compare-runtimes ended with ${exitCode} on ARM64` }
}

function unpackedLibrary(): string | undefined {
  const [found] = [...new Bun.Glob(`**/${libraryName}`).scanSync({ cwd: tmpdir(), dot: true })]
  return found === undefined ? undefined : join(tmpdir(), found)
}
