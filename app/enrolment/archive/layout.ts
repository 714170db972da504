import { subjectName } from "../../gallery/subject-fields.ts"

/**
 * How pictures lie in a folder or an archive: `<name>/<picture>`, or all of that in one folder more, as a zip made of a folder has
 * it. Nothing is ever written to these paths, so one that leads outside does no harm; whoever sends one means harm all the same.
 */
export interface Layout {
  /** The folder around everything; empty for none. */
  readonly around: string
  readonly pictures: number
}

export type Place =
  | { readonly kind: "person"; readonly name: string; readonly file: string }
  | { readonly kind: "nobody"; readonly why: string }

const pictureEnding = /\.(jpe?g|png|webp)$/i

/** As long as any file system's, and short enough for a report. */
const pathCharactersMax = 1024

/** Hidden files and what macOS puts beside everything are nobody's pictures; other kinds of files are left aside too. */
export function isPicture(path: string): boolean {
  return pictureEnding.test(path) && !partsOf(path).some((part) => part.startsWith(".") || part === "__MACOSX")
}

export const hostilePath = "the archive holds a path that leads out of its folder; none of it is taken"

/** Why no honest archive holds such a path; `undefined` for one that may be. Without the path itself: it may be somebody's name. */
export function whyHostile(path: string): string | undefined {
  if (path.length > pathCharactersMax)
    return `the archive holds a path of ${path.length} characters, and at most ${pathCharactersMax} are taken; none of it is taken`
  const leadsAway = path.startsWith("/") || path.includes("\\") || /^[a-z]:/i.test(path) || partsOf(path).includes("..")
  return leadsAway ? hostilePath : undefined
}

/** Reads the paths of all pictures, one after the other. */
export function createLayout(): { add(path: string): void; readonly layout: Layout } {
  let pictures = 0
  let around: string | undefined
  return {
    add(path) {
      const parts = partsOf(path)
      const first = parts.length > 2 ? (parts[0] ?? "") : ""
      around = pictures === 0 || around === first ? first : ""
      pictures += 1
    },
    get layout() {
      return { pictures, around: around ?? "" }
    },
  }
}

/** Whose picture lies at this path. */
export function placeOf(path: string, { around }: Layout): Place {
  const all = partsOf(path)
  const [folder, file, ...deeper] = around === "" ? all : all.slice(1)
  if (folder === undefined || file === undefined)
    return { kind: "nobody", why: "it lies in no folder; each person takes a folder of their name" }
  if (deeper.length > 0)
    return { kind: "nobody", why: "it lies deeper than <name>/<picture>, and nobody can say which folder names the person" }
  // macOS writes folder names decomposed; one person must not become two for that.
  const name = subjectName.safeParse(folder)
  if (name.success) return { kind: "person", name: name.data, file }
  return { kind: "nobody", why: `the folder's name cannot be a person's: ${name.error.issues[0]?.message ?? "no name"}` }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".")
}
