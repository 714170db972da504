import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { parseSpace, type Space } from "../../../app/face/embedding.ts"
import { openStore } from "../../../app/store/store.ts"
import { createMaterial } from "../../../app/vault/master-key.ts"
import type { SuiteName } from "../../../app/vault/suite.ts"
import { plainVaultOf, sealedVaultOf } from "../../../tests/support/vault.ts"
import { type DemoBox, startBox } from "../../demo/box.ts"
import type { Target } from "../support/client.ts"
import { fillGallery } from "./fill.ts"
import { facesPerPerson, readSpread, type VectorSource, vectorSource } from "./vectors.ts"

/** A data folder with many modelled faces of the default set's space, and real boxes on it. */
export interface FilledFolder extends AsyncDisposable {
  readonly folder: string
  readonly space: Space
  readonly source: VectorSource
  readonly people: number
  /** As `serve` starts it, one engine. */
  start(): Promise<DemoBox>
}

/** Nobody is held back: one client sends all there is. */
const configuration = { http: { ratePerSecond: 0 }, inference: { engines: 1 } }

export interface Filling {
  readonly groupsOf?: (person: number) => readonly string[]
  /** The folder is sealed under it; absent: it is not sealed. */
  readonly suite?: SuiteName | undefined
}

export async function fillFolder(faces: number, { groupsOf, suite }: Filling = {}): Promise<FilledFolder> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-filled-"))
  const spread = await readSpread()
  const space = parseSpace(spread.space)
  if (space === undefined) throw new Error(`${spread.space} is not a space`)
  const source = vectorSource("faces", spread)
  const opened = openStore(join(folder, "gatehouse.db"))
  if (opened.kind === "failed") throw new Error(opened.why)
  const filling = { space, dimension: source.dimension, faces, facesPerPerson, vectors: source.gallery }
  const material = createMaterial()
  const vault = suite === undefined ? plainVaultOf(opened.store) : sealedVaultOf(opened.store, suite, material)
  fillGallery(opened.store, vault, { ...filling, ...(groupsOf !== undefined && { groupsOf }) })
  opened.store.close()
  const configFile = join(folder, "bench.jsonc")
  await writeFile(configFile, JSON.stringify(configuration))
  return {
    folder,
    space,
    source,
    people: Math.floor(faces / facesPerPerson),
    async start() {
      const env = { GATEHOUSE_CONFIG: configFile, GATEHOUSE_MODEL_SET: "default", GATEHOUSE_LOG: "warn" }
      const key = suite === undefined ? {} : { GATEHOUSE_MASTER_KEY: material.toHex() }
      const started = await startBox({ ...env, ...key }, undefined, 600_000, folder)
      if (started.kind === "failed") throw new Error(started.why)
      return started.value
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

const readiness = z.object({ status: z.string(), reasons: z.array(z.string()).default([]) })

/** Waits until the graph is built. */
export async function whenReady({ url }: Pick<Target, "url">): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/readyz`)
    const told = readiness.safeParse(await answer.json())
    if (answer.status === 200 && told.data?.status === "ready") return
    await Bun.sleep(200)
  }
}

const found = z.object({ candidates: z.array(z.object({ name: z.string(), similarity: z.number() })) })

/** Names of the nearest people, best first. */
export async function searchBox(box: Target, space: string, vector: Float32Array, group?: string): Promise<string[]> {
  const answer = await fetch(`${box.url}/v1/search`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": box.key },
    body: searchBody(space, vector, 5, group),
  })
  if (answer.status !== 200) throw new Error(`search answered ${answer.status}: ${await answer.text()}`)
  return found.parse(await answer.json()).candidates.map(({ name }) => name)
}

export function searchBody(space: string, vector: Float32Array, k: number, group?: string): string {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  return JSON.stringify({ embedding: bytes.toString("base64"), space, k, group })
}
