import { join } from "node:path"
import { projectRoot } from "../../app/base/paths.ts"
import type { Result } from "../../app/base/result.ts"
import { obtainIngredients } from "../build/ingredients.ts"
import { targets } from "../build/targets.ts"
import type { Mount } from "./root.ts"

/** The command that starts the program on ARM64, and what it needs there. */
export interface ArmProgram {
  readonly command: readonly string[]
  readonly mounts: readonly Mount[]
  /** ONNX Runtime's library, where the program sees it; absent where it unpacks it first. */
  readonly library?: string
}

const home = "/opt/gatehouse"

/** This checkout under Bun for ARM64, with the ARM64 form of its packages: what build.ts would put into one file. */
export async function sourcesOnArm(): Promise<Result<ArmProgram>> {
  const target = targets.find(({ arch }) => arch === "arm64")
  if (target === undefined) return { kind: "failed", why: "scripts/build/targets.ts knows no ARM64" }
  const obtained = await obtainIngredients(target)
  if (obtained.kind === "failed") return obtained
  const own = ["app", "models", "edge-config", ".cache/native", "package.json"]
  return {
    kind: "ok",
    value: {
      command: [join(home, "bun"), join(home, "app/main.ts")],
      library: join(home, "node_modules/onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1"),
      mounts: [
        ...own.map((name) => ({ from: join(projectRoot, name), to: join(home, name) })),
        { from: obtained.value.packages, to: join(home, "node_modules") },
        { from: obtained.value.bun, to: join(home, "bun") },
      ],
    },
  }
}

/** One compiled file, in a root where there is nothing else. */
export function fileOnArm(path: string): ArmProgram {
  const inside = join(home, "gatehouse")
  return { command: [inside], mounts: [{ from: path, to: inside }] }
}
