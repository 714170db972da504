import type { Embedded } from "../../../app/base/resources/embedded.ts"
import { unpack } from "../../../app/base/resources/unpack.ts"

const [, , path = "", cache = ""] = process.argv
const embedded = (await Bun.file(path).json()) as Embedded
console.log(JSON.stringify(await unpack(embedded, cache)))
