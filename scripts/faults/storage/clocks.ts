import { existsSync } from "node:fs"

/** Where Debian puts the library that tells a program another time, for this processor. */
const libraries = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`)

export function fakeTimeLibrary(): string | undefined {
  return libraries.find((path) => existsSync(path))
}

/** Wall time as the box sees it. Ticks stay as they are: no jump of a clock moves them. */
export function clockEnvironment(library: string, told: string): Record<string, string> {
  return { LD_PRELOAD: library, FAKETIME: told, FAKETIME_DONT_FAKE_MONOTONIC: "1" }
}
