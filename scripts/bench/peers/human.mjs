// @vladmandic/human on TensorFlow.js with its WASM backend: detector, mesh, descriptor; everything else it can do is off.
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import { listen } from "./listen.mjs"

const require = createRequire(import.meta.url)
const folder = join(dirname(require.resolve("@vladmandic/human")), "..")
const { Human } = require(join(folder, "dist/human.node-wasm.js"))

// This build of the library loads models over HTTP alone.
const models = createServer(async (request, response) => {
  response.end(await readFile(join(folder, "models", basename(request.url ?? ""))))
})
await new Promise((listening) => models.listen(0, "127.0.0.1", listening))

const human = new Human({
  backend: "wasm",
  wasmPath: join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"),
  modelBasePath: `http://127.0.0.1:${models.address().port}/`,
  debug: false,
  // Each picture stands for itself: nothing of the one before may be used again.
  cacheSensitivity: 0,
  face: {
    enabled: true,
    detector: { enabled: true, maxDetected: 20, skipFrames: 0, skipTime: 0 },
    mesh: { enabled: true },
    description: { enabled: true, skipFrames: 0, skipTime: 0 },
    iris: { enabled: false },
    emotion: { enabled: false },
    antispoof: { enabled: false },
    liveness: { enabled: false },
  },
  body: { enabled: false },
  hand: { enabled: false },
  object: { enabled: false },
  gesture: { enabled: false },
  segmentation: { enabled: false },
  filter: { enabled: false },
})
await human.load()
models.close()

listen(async ({ data, width, height }) => {
  const tensor = human.tf.tensor3d(data, [height, width, 3], "int32")
  try {
    const { face, error } = await human.detect(tensor)
    if (error) throw new Error(error)
    return face.filter(({ embedding }) => embedding?.length > 0).length
  } finally {
    human.tf.dispose(tensor)
  }
})
