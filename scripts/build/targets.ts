/** A machine the program is compiled for: all of them Linux with glibc. */
export interface Target {
  readonly name: "linux-x64" | "linux-arm64"
  /** As Node and Bun call it. */
  readonly arch: "x64" | "arm64"
  /** Of the package `@oven/<name>` that holds Bun for it. */
  readonly bunPackage: "bun-linux-x64" | "bun-linux-aarch64"
  /** Debian's compiler for it on another machine; the package is `g++-` and the same words. */
  readonly crossCompiler: string
}

export const targets: readonly Target[] = [
  { name: "linux-x64", arch: "x64", bunPackage: "bun-linux-x64", crossCompiler: "x86_64-linux-gnu-g++" },
  { name: "linux-arm64", arch: "arm64", bunPackage: "bun-linux-aarch64", crossCompiler: "aarch64-linux-gnu-g++" },
]

/** Whether this machine is one itself. */
export function isHere(target: Target): boolean {
  return target.arch === process.arch
}
