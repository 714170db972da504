// @vladmandic/face-api on TensorFlow.js with its WASM backend: SSD detector, 68 landmarks, descriptor.
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { listen } from "./listen.mjs"

const require = createRequire(import.meta.url)
const tf = require("@tensorflow/tfjs")
const wasm = require("@tensorflow/tfjs-backend-wasm")
const folder = dirname(require.resolve("@vladmandic/face-api/package.json"))
const faceapi = require(join(folder, "dist/face-api.node-wasm.js"))

wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "dist/"))
await tf.setBackend("wasm")
await tf.ready()
const models = join(folder, "model")
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models)
await faceapi.nets.faceLandmark68Net.loadFromDisk(models)
await faceapi.nets.faceRecognitionNet.loadFromDisk(models)
const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 20 })

listen(async ({ data, width, height }) => {
  const tensor = tf.tensor3d(data, [height, width, 3], "int32")
  try {
    const faces = await faceapi.detectAllFaces(tensor, options).withFaceLandmarks().withFaceDescriptors()
    return faces.filter(({ descriptor }) => descriptor.length === 128).length
  } finally {
    tensor.dispose()
  }
})
