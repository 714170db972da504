import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Point } from "../../app/face/geometry.ts"

export interface DemoPerson {
  /** Invented: nobody knows these people's names. */
  readonly name: string
  readonly enrolled: boolean
  /** Middle of the face as shares of the picture's width and height, read off the picture. */
  readonly at: Point
}

export interface DemoPhoto {
  readonly file: string
  readonly people: readonly DemoPerson[]
}

const known = (name: string, x: number, y: number): DemoPerson => ({ name, enrolled: true, at: [x, y] })
const stranger = (name: string, x: number, y: number): DemoPerson => ({ name, enrolled: false, at: [x, y] })

/**
 * The photographs of the package @vladmandic/face-api, 22 people from left to right. Both embedders hold Cleo and Hana for one
 * person; both are enrolled, so that neither stands among the strangers.
 */
export const demoPhotos: readonly DemoPhoto[] = [
  { file: "sample1.jpg", people: [known("Ada", 0.27, 0.37), stranger("Bea", 0.5, 0.42), known("Cleo", 0.82, 0.25)] },
  { file: "sample2.jpg", people: [stranger("Dora", 0.21, 0.21), stranger("Elsa", 0.52, 0.27), known("Fay", 0.8, 0.2)] },
  { file: "sample3.jpg", people: [known("Gina", 0.36, 0.34), known("Hana", 0.61, 0.28), stranger("Ida", 0.83, 0.32)] },
  {
    file: "sample4.jpg",
    people: [known("Jana", 0.18, 0.22), stranger("Kim", 0.39, 0.12), stranger("Lea", 0.56, 0.2), known("Mia", 0.7, 0.17)],
  },
  {
    file: "sample5.jpg",
    people: [
      known("Nora", 0.24, 0.73),
      stranger("Olga", 0.36, 0.4),
      known("Pia", 0.45, 0.16),
      stranger("Rosa", 0.61, 0.24),
      known("Sara", 0.78, 0.4),
    ],
  },
  {
    file: "sample6.jpg",
    people: [known("Tess", 0.18, 0.41), stranger("Una", 0.39, 0.29), known("Vera", 0.66, 0.28), stranger("Wilma", 0.83, 0.24)],
  },
]

export function readDemoPhoto(file: string): Promise<Buffer> {
  return readFile(join(projectRoot, "node_modules/@vladmandic/face-api/demo", file))
}
