import { join } from "node:path"
import type { Result } from "../../app/base/result.ts"
import { runTool } from "../build/tools.ts"
import { archiveContents } from "./contents.ts"
import type { Order } from "./packer.ts"
import { stage } from "./stage.ts"

/** Makes `gatehouse-<version>-<target>.tar.zst`: one folder to unpack anywhere, for systems with neither dpkg nor RPM. */
export async function packArchive(order: Order): Promise<Result<string>> {
  const name = `gatehouse-${order.version}-${order.target.name}`
  const tree = join(order.scratch, "archive")
  await stage(archiveContents(order.release, order.version, order.target.name), join(tree, name), order.epochSeconds)
  const path = join(order.out, `${name}.tar.zst`)
  const owned = ["--sort=name", "--format=ustar", "--owner=root:0", "--group=root:0", `--mtime=@${order.epochSeconds}`]
  const level = order.quick ? "-1" : "-19 --long=27"
  // Two workers, however many cores there are: their number decides where the stream is cut.
  const made = await runTool(["tar", ...owned, `--use-compress-program=zstd -T2 ${level}`, "-cf", path, "-C", tree, name], {
    cwd: order.scratch,
  })
  return made.kind === "ok" ? { kind: "ok", value: path } : made
}
