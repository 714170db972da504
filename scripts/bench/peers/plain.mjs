// A face recognition server as many are written: Express, sharp, onnxruntime-node, one process, one session for each model with
// the runtime's own settings. The same networks as Gatehouse's better set, the same steps, the same answer.
//
//   node plain.mjs '{ "detector": path, "landmarks": path, "embedders": [{ path, sizePx, bgr, mean, scale, template, refined }] }'
import express from "express"
import * as ort from "onnxruntime-node"
import sharp from "sharp"

const models = JSON.parse(process.argv[2])
const detector = await ort.InferenceSession.create(models.detector)
const landmarks = await ort.InferenceSession.create(models.landmarks)
const embedders = await Promise.all(
  models.embedders.map(async (embedder) => ({ ...embedder, session: await ort.InferenceSession.create(embedder.path) })),
)
const gallery = []

const app = express()
app.post("/recognize", express.raw({ type: "image/jpeg", limit: "10mb" }), async (request, response, next) => {
  try {
    response.json(await recognize(request.body))
  } catch (error) {
    next(error)
  }
})
const server = app.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`))

async function recognize(jpeg) {
  const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const picture = { data, width: info.width, height: info.height }
  const faces = await detect(picture)
  if (faces.length === 0) return { faces: [] }
  const refined = await refine(picture, faces)
  const vectors = await embed(picture, faces, refined)
  return {
    faces: faces.map(({ box, score }, index) => ({ box, score, landmarks: refined[index], match: nearest(vectors[index]) })),
  }
}

/** YuNet at half the size of a 1080p picture, as Gatehouse does. */
async function detect({ data, width, height }) {
  const factor = 2
  const small = { width: Math.floor(width / factor), height: Math.floor(height / factor) }
  const resized = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(small.width, small.height, { fit: "fill", kernel: "linear" })
    .raw()
    .toBuffer()
  const [inputWidth, inputHeight] = [Math.ceil(small.width / 32) * 32, Math.ceil(small.height / 32) * 32]
  const plane = inputWidth * inputHeight
  const input = new Float32Array(3 * plane)
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      const from = (y * small.width + x) * 3
      const to = y * inputWidth + x
      input[to] = resized[from + 2]
      input[plane + to] = resized[from + 1]
      input[2 * plane + to] = resized[from]
    }
  }
  const outputs = await detector.run({
    [detector.inputNames[0]]: new ort.Tensor("float32", input, [1, 3, inputHeight, inputWidth]),
  })
  const found = []
  for (const stride of [8, 16, 32]) {
    const columns = inputWidth / stride
    const classes = outputs[`cls_${stride}`].data
    const objects = outputs[`obj_${stride}`].data
    const boxes = outputs[`bbox_${stride}`].data
    const points = outputs[`kps_${stride}`].data
    for (let i = 0; i < classes.length; i++) {
      const score = Math.sqrt(clamp(classes[i]) * clamp(objects[i]))
      if (score < 0.6) continue
      const column = i % columns
      const row = Math.floor(i / columns)
      const unit = stride * factor
      const boxWidth = Math.exp(boxes[i * 4 + 2]) * unit
      const boxHeight = Math.exp(boxes[i * 4 + 3]) * unit
      found.push({
        score,
        box: {
          x: (column + boxes[i * 4]) * unit - boxWidth / 2,
          y: (row + boxes[i * 4 + 1]) * unit - boxHeight / 2,
          width: boxWidth,
          height: boxHeight,
        },
        points: [0, 1, 2, 3, 4].map((p) => [
          (column + points[i * 10 + p * 2]) * unit,
          (row + points[i * 10 + p * 2 + 1]) * unit,
        ]),
      })
    }
  }
  return suppress(found, 0.3).filter(({ box }) => box.width >= 48)
}

function clamp(value) {
  return Math.min(1, Math.max(0, value))
}

function suppress(found, overlapMax) {
  const kept = []
  for (const face of found.sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => overlap(better.box, face.box) <= overlapMax)) kept.push(face)
  }
  return kept
}

function overlap(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  if (width <= 0 || height <= 0) return 0
  return (width * height) / (a.width * a.height + b.width * b.height - width * height)
}

/** Five points of the 68-point network's answer for each face. */
async function refine(picture, faces) {
  const sizePx = 112
  const input = new Float32Array(faces.length * 3 * sizePx * sizePx)
  const squares = faces.map(({ box }) => {
    const side = Math.max(box.width, box.height)
    return { x: box.x + (box.width - side) / 2, y: box.y + (box.height - side) / 2, side }
  })
  squares.forEach(({ x, y, side }, index) => {
    const crop = { sizePx, bgr: false, mean: 0, scale: 1 }
    warp(input, index, crop, picture, { a: side / sizePx, b: 0, tx: x, ty: y })
  })
  const outputs = await landmarks.run({
    [landmarks.inputNames[0]]: new ort.Tensor("float32", input, [faces.length, 3, sizePx, sizePx]),
  })
  const { data } = outputs[landmarks.outputNames[0]]
  return squares.map(({ x, y, side }, index) => {
    const point = (number) => [x + data[index * 136 + number * 2] * side, y + data[index * 136 + number * 2 + 1] * side]
    const middle = (numbers) => {
      const points = numbers.map(point)
      return [0, 1].map((axis) => points.reduce((sum, each) => sum + each[axis], 0) / points.length)
    }
    return [middle([36, 37, 38, 39, 40, 41]), middle([42, 43, 44, 45, 46, 47]), point(30), point(48), point(54)]
  })
}

async function embed(picture, faces, refined) {
  const parts = []
  for (const embedder of embedders) {
    const { sizePx, template, session } = embedder
    const input = new Float32Array(faces.length * 3 * sizePx * sizePx)
    faces.forEach(({ points }, index) => {
      warp(input, index, embedder, picture, align(template, embedder.refined ? refined[index] : points))
    })
    const outputs = await session.run({
      [session.inputNames[0]]: new ort.Tensor("float32", input, [faces.length, 3, sizePx, sizePx]),
    })
    const { data } = outputs[session.outputNames[0]]
    const dimension = data.length / faces.length
    parts.push(faces.map((_, index) => unit(data.slice(index * dimension, (index + 1) * dimension))))
  }
  return faces.map((_, index) => unit(parts.flatMap((vectors) => [...vectors[index]])))
}

function unit(vector) {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

/** The similarity that brings `from` nearest to `to` in the least-squares sense. */
function align(from, to) {
  const mean = (points, axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length
  const [fromX, fromY, toX, toY] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)]
  let [along, across, spread] = [0, 0, 0]
  from.forEach(([x, y], index) => {
    const [dx, dy, du, dv] = [x - fromX, y - fromY, to[index][0] - toX, to[index][1] - toY]
    along += dx * du + dy * dv
    across += dx * dv - dy * du
    spread += dx * dx + dy * dy
  })
  const [a, b] = [along / spread, across / spread]
  return { a, b, tx: toX - a * fromX + b * fromY, ty: toY - b * fromX - a * fromY }
}

/** Bilinear, one sample for each value of the crop. */
function warp(input, index, { sizePx, bgr, mean, scale }, { data, width, height }, { a, b, tx, ty }) {
  const plane = sizePx * sizePx
  const start = index * 3 * plane
  const [first, third] = bgr ? [2, 0] : [0, 2]
  for (let v = 0; v < sizePx; v++) {
    for (let u = 0; u < sizePx; u++) {
      const x = Math.min(width - 1.001, Math.max(0, a * u - b * v + tx))
      const y = Math.min(height - 1.001, Math.max(0, b * u + a * v + ty))
      const x0 = Math.floor(x)
      const y0 = Math.floor(y)
      const right = x - x0
      const below = y - y0
      const p = (y0 * width + x0) * 3
      const q = p + width * 3
      const at = start + v * sizePx + u
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[p + channel] * (1 - right) + data[p + 3 + channel] * right
        const lower = data[q + channel] * (1 - right) + data[q + 3 + channel] * right
        const value = (upper * (1 - below) + lower * below - mean) / scale
        input[at + (channel === 0 ? first : channel === 1 ? 1 : third) * plane] = value
      }
    }
  }
}

function nearest(vector) {
  let best
  for (const { name, known } of gallery) {
    const similarity = known.reduce((sum, value, index) => sum + value * vector[index], 0)
    if (best === undefined || similarity > best.similarity) best = { name, similarity }
  }
  return best ?? null
}
