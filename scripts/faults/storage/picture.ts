import { join } from "node:path"
import sharp from "sharp"
import { projectRoot } from "../../../app/base/paths.ts"
import { asNeverSeen } from "../../bench/support/pictures.ts"

/** One woman, cut out of a group picture of a development package: small, so that engines are not what a run waits for. Each time in other bytes. */
export async function smallFrame(): Promise<() => Uint8Array<ArrayBuffer>> {
  const jpeg = await sharp(join(projectRoot, "node_modules/@vladmandic/face-api/demo/sample6.jpg"))
    .extract({ left: 1340, top: 80, width: 490, height: 650 })
    .resize({ width: 245 })
    .jpeg({ quality: 90 })
    .toBuffer()
  return () => asNeverSeen({ name: "one face", jpeg })
}
