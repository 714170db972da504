import { join, resolve } from "node:path"
import { projectRoot } from "../../../app/base/paths.ts"
import { type DemoBox, startBox } from "../../demo/box.ts"

/** A box of a checkout, this one unless another is named, on data of its own that is gone afterwards. Throws when it does not start. */
export async function openBox(
  env: { readonly engines?: number; readonly set?: string; readonly configFile?: string; readonly masterKey?: string },
  checkout: string = projectRoot,
): Promise<DemoBox> {
  const box = await startBox(
    {
      GATEHOUSE_LOG: "error",
      // A checkout in another place has no models folder beside it.
      GATEHOUSE_MODEL_DIR: process.env.GATEHOUSE_MODEL_DIR ?? resolve(projectRoot, "../shared/models"),
      ...(env.engines !== undefined && { GATEHOUSE_ENGINES: String(env.engines) }),
      ...(env.set !== undefined && { GATEHOUSE_MODEL_SET: env.set }),
      ...(env.configFile !== undefined && { GATEHOUSE_CONFIG: env.configFile }),
      ...(env.masterKey !== undefined && { GATEHOUSE_MASTER_KEY: env.masterKey }),
    },
    [process.execPath, join(checkout, "app/main.ts")],
  )
  if (box.kind === "failed") throw new Error(`${checkout}: ${box.why}`)
  return box.value
}
