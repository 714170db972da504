import { copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { type TempFolder, tempFolder } from "../support/shared.ts"

/** The C and C++ libraries that the program needs of a machine; everything else it brings along. */
const libraries = [
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"],
  ...["libstdc++.so.6", "libgcc_s.so.1"],
]
const loaders = { x64: "/lib64/ld-linux-x86-64.so.2", arm64: "/lib/ld-linux-aarch64.so.1" } as const

/** A root file system with these libraries, empty folders and one program: no shell, no tool, no Node, no Bun, no compiler. */
export interface BareRoot extends TempFolder {
  /** Put before a command inside the root. Mounts are pairs of a folder (or `tmpfs:` and options) and a place in the root. */
  enter(...mounts: readonly (readonly [from: string, to: string])[]): readonly string[]
}

/** @param program the compiled file; inside it is `/gatehouse` */
export function openBareRoot(program: string): BareRoot {
  const root = tempFolder()
  for (const folder of ["proc", "dev", "tmp", "data", "var/cache", "photos"]) mkdirSync(root.file(folder), { recursive: true })
  const loader = loaders[process.arch as keyof typeof loaders]
  for (const path of [loader, ...libraries.map(findLibrary)]) {
    const to = root.file(path === loader ? path : join("lib", basename(path)))
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(realpathSync(path), to)
  }
  writeFileSync(root.file("gatehouse"), "")
  return {
    ...root,
    enter: (...mounts) => [
      ...["unshare", "--user", "--map-root-user", "--mount", "sh", join(import.meta.dir, "enter-bare-root.sh"), root.path],
      ...[["/proc", "/proc"], ["/dev", "/dev"], [program, "/gatehouse"], ...mounts].flat(),
      "--",
    ],
  }
}

function findLibrary(name: string): string {
  const families = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const
  const family = families[process.arch as keyof typeof families]
  const folders = [`/lib/${family}`, `/usr/lib/${family}`, "/lib64", "/usr/lib64"]
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`${name} is in none of ${folders.join(", ")}`)
  return found
}
