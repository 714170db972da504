import { readFileSync } from "node:fs"
import { join } from "node:path"
import { resourcesFolder } from "../../base/resources/folder.ts"
import { type UnitVariant, unitNames } from "./layout.ts"

/** The two units, from the checkout or from what the compiled file has unpacked. */
export function readUnits(): Readonly<Record<UnitVariant, string>> {
  const read = (variant: UnitVariant) =>
    readFileSync(join(resourcesFolder(), "edge-config/systemd", unitNames[variant]), "utf8")
  return { cpu: read("cpu"), gpu: read("gpu") }
}
