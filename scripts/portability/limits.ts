/**
 * What the oldest boxes we name can load. They have glibc 2.28 (openEuler 20.03, Kylin V10, UOS V20, Debian 10) and the C++ library
 * of GCC 7.3 or newer. ONNX Runtime and libvips set both; GLIBCXX_3.4.22 is of GCC 6, CXXABI_1.3.11 of GCC 7.
 */
export const versionMax: Readonly<Record<string, string>> = {
  GLIBC: "2.28",
  GLIBCXX: "3.4.22",
  CXXABI: "1.3.11",
  GCC: "7.0.0",
}

/** An ARM64 kernel may have pages of 64 KiB (openEuler, Kylin): it refuses a segment that is aligned to less. */
export const alignmentMin = { arm64: 64 * 1024, x64: 4 * 1024 } as const

/** Who loads a program, where every distribution of the processor family has it. */
export const interpreters = { arm64: "/lib/ld-linux-aarch64.so.1", x64: "/lib64/ld-linux-x86-64.so.2" } as const

/** Part of glibc or of GCC's runtime: whatever distribution runs a C++ program has them. Anything else has to come along. */
export const plainLibraries: ReadonlySet<string> = new Set([
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"],
  ...["ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2", "libgcc_s.so.1", "libstdc++.so.6"],
])

export interface Exception {
  /** `DT_SONAME` of the library. */
  readonly soname: string
  readonly kind: "run_path"
  readonly value: string
  readonly why: string
}

/** Findings we know and live with; each is told whenever it is met. */
export const exceptions: readonly Exception[] = [
  {
    soname: "libturbojpeg.so.0",
    kind: "run_path",
    value: "",
    why: "it needs the C library alone, which the program has loaded before, so its run path is never searched",
  },
]
