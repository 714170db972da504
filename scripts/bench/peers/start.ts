import { cp, mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { projectRoot } from "../../../app/base/paths.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import { openBox } from "../support/boxes.ts"
import { ask } from "../support/client.ts"

/** Somebody who finds the faces of a JPEG that is sent over HTTP. */
export interface Peer {
  readonly name: string
  readonly pid: number
  /** The number of faces; throws on any answer but 200. */
  send(jpeg: Uint8Array<ArrayBuffer>): Promise<number>
  close(): Promise<void>
}

const place = join(projectRoot, ".cache/bench/peers")
const source = join(projectRoot, "scripts/bench/peers")

/** Lays the peers out below .cache and installs what they need there; their packages are no part of the product. */
export async function installPeers(): Promise<void> {
  if (Bun.which("node") === null)
    throw new Error("the peers run on Node, as their users run them, and there is no node on PATH: install Node 20 or newer")
  await mkdir(place, { recursive: true })
  for (const file of await readdir(source)) if (!file.endsWith(".ts")) await cp(join(source, file), join(place, file))
  await Bun.$`${process.execPath} install --frozen-lockfile --ignore-scripts --cwd ${place}`.quiet()
}

/** Longer than the slowest picture of the slowest peer behind three others. */
const deadlineMs = 60_000

const recognition = z.object({ faces: z.array(z.unknown()) })

export const gatehouseName = (set: string) => `Gatehouse, ${set} set`

export async function startGatehouse(set: string, engines: number): Promise<Peer> {
  const box = await openBox({ set, engines })
  return {
    name: gatehouseName(set),
    pid: box.pid,
    send: async (jpeg) => {
      const answer = await ask(box, { path: "/v1/recognize", body: jpeg, contentType: "image/jpeg" }, deadlineMs)
      if (answer.status !== "200") throw new Error(`Gatehouse answered ${answer.status} ${answer.text.slice(0, 300)}`)
      return recognition.parse(JSON.parse(answer.text)).faces.length
    },
    close: box.close,
  }
}

export async function startLibrary(name: string, script: string): Promise<Peer> {
  const { url, ...node } = await startNode(script, [])
  return { name, ...node, send: async (jpeg) => z.object({ faces: z.int() }).parse(await post(`${url}/`, jpeg)).faces }
}

/** The plain server with the networks of a set as they are published. */
export async function startPlainServer(set: ModelSet): Promise<Peer> {
  const { url, ...node } = await startNode("plain.mjs", [JSON.stringify(plainModels(set))])
  return {
    name: "plain Node server",
    ...node,
    send: async (jpeg) => recognition.parse(await post(`${url}/recognize`, jpeg)).faces.length,
  }
}

function plainModels({ detector, landmarks, embedders }: ModelSet) {
  if (landmarks === undefined || detector.manifest.decode.kind !== "yunet")
    throw new Error("the plain server is written for the networks of the better set")
  const [pathOfDetector] = Object.values(detector.paths)
  const [pathOfLandmarks] = Object.values(landmarks.paths)
  return {
    detector: pathOfDetector,
    landmarks: pathOfLandmarks,
    embedders: embedders.map(({ manifest: { input, alignment }, paths, landmarks: used }) => ({
      path: Object.values(paths)[0],
      sizePx: alignment.sizePx,
      bgr: input.colour === "bgr",
      mean: input.mean[0],
      scale: input.scale[0],
      template: alignment.template,
      refined: used === "refined",
    })),
  }
}

async function startNode(script: string, argv: readonly string[]) {
  const child = Bun.spawn(["node", join(place, script), ...argv], {
    cwd: place,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  })
  let text = ""
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString()
    const port = /listening (\d+)/.exec(text)?.[1]
    if (port === undefined) continue
    const close = async () => {
      child.kill()
      await child.exited
    }
    return { url: `http://127.0.0.1:${port}`, pid: child.pid, close }
  }
  throw new Error(`${script} ended before it listened: ${text}`)
}

async function post(url: string, jpeg: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "image/jpeg" },
    body: jpeg,
    signal: AbortSignal.timeout(deadlineMs),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${(await response.text()).slice(0, 300)}`)
  return await response.json()
}
