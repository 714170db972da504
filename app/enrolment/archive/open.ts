import type { Source } from "../item.ts"
import { firstBytes, type OpenFile } from "./bytes.ts"
import type { ArchiveLimits } from "./limits.ts"
import { linesSource } from "./lines.ts"
import { isGzip, tarSource } from "./tar.ts"
import { zipSource } from "./zip.ts"

export const formats = ["zip", "tar", "ndjson"] as const
export type Format = (typeof formats)[number]

export function openSource(format: Format, file: OpenFile, limits: ArchiveLimits): Source {
  switch (format) {
    case "zip":
      return zipSource(file, limits)
    case "tar":
      return tarSource(file, limits)
    case "ndjson":
      return linesSource(file, limits)
  }
}

/** Where a tar file says that it is one. */
const tarMark = { at: 257, text: "ustar" } as const

/** What a file is, by its first bytes: names and media types are claims. `undefined` when it is none of them. */
export async function formatOf(file: OpenFile): Promise<Format | undefined> {
  const first = await firstBytes(file, 512)
  const text = (from: number, to: number) => String.fromCharCode(...first.subarray(from, to))
  // The second is that of an empty zip file.
  if (text(0, 4) === "PK\u0003\u0004" || text(0, 4) === "PK\u0005\u0006") return "zip"
  if (isGzip(first) || text(tarMark.at, tarMark.at + tarMark.text.length) === tarMark.text) return "tar"
  return /^(\u00ef\u00bb\u00bf)?\s*\{/.test(text(0, 512)) ? "ndjson" : undefined
}
