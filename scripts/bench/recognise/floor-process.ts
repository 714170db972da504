import { resolve } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import type { Result } from "../../../app/base/result.ts"
import type { ModelSet } from "../../../app/inference/manifest.ts"
import { locateModelSet } from "../../../app/inference/models.ts"
import { recognitionOptions } from "../../../app/pipeline/options.ts"
import { cameraFrame } from "../support/pictures.ts"
import { type Floor, type FloorRun, type FloorTimes, openFloor } from "./floor.ts"

/**
 * The floor in a process of its own. Like an engine it sleeps until it is asked, and then computes on whichever core it is given. In
 * the client's process it ran on the one core that was awake anyway, which took 5 to 9 % off its networks on some machines.
 */

/** What the process says: first what it opened, then the times of each run. */
type Said =
  | { readonly kind: "opened"; readonly runs: readonly FloorRun[]; readonly faces: number }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "measured"; readonly times: FloorTimes }

type Asked = "published" | "rewritten"

/** A model set as the benchmark looks for it. */
export function locateBenchSet(name: string) {
  return locateModelSet({
    modelsFolder: resolve(projectRoot, "models"),
    searchFolders: [process.env.GATEHOUSE_MODEL_DIR ?? resolve(projectRoot, "../shared/models")],
    set: name,
  })
}

/** Starts the process. One asks at a time. */
export async function startFloor(set: ModelSet): Promise<Result<Floor>> {
  let heard = Promise.withResolvers<Said>()
  const child = Bun.spawn([process.execPath, import.meta.path, set.name], {
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc: (said: Said) => heard.resolve(said),
    onExit: () => heard.reject(new Error("the floor's process ended")),
  })
  const first = await heard.promise
  if (first.kind !== "opened") {
    child.kill()
    return { kind: "failed", why: first.kind === "failed" ? first.why : "the floor's process said something else" }
  }

  async function measure(asked: Asked): Promise<FloorTimes> {
    heard = Promise.withResolvers()
    child.send(asked)
    const said = await heard.promise
    if (said.kind !== "measured") throw new Error(`the floor's process said ${said.kind}`)
    return said.times
  }
  return {
    kind: "ok",
    value: {
      runs: first.runs,
      faces: first.faces,
      measure: () => measure("published"),
      measureRewritten: () => measure("rewritten"),
      async close() {
        child.kill()
        await child.exited
      },
    },
  }
}

async function runFloor(name: string): Promise<void> {
  const say = (said: Said) => process.send?.(said)
  const located = await locateBenchSet(name)
  if (located.kind === "failed") {
    say(located)
    return
  }
  const { faceWidthPxMin, facesMax } = recognitionOptions.parse({})
  const { jpeg } = await cameraFrame()
  const opened = await openFloor(located.set, jpeg, { faceWidthPxMin, facesMax, embed: "all" })
  if (opened.kind === "failed") {
    say(opened)
    return
  }
  const floor = opened.value
  process.on("message", async (asked: Asked) => {
    say({ kind: "measured", times: await (asked === "published" ? floor.measure() : floor.measureRewritten()) })
  })
  say({ kind: "opened", runs: floor.runs, faces: floor.faces })
}

if (import.meta.main) await runFloor(Bun.argv[2] ?? "")
