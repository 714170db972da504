import { type OnnxNode, type OnnxTensor, readOnnx } from "./onnx-reader.ts"
import { createOnnxGraph } from "./onnx-writer.ts"

/** Cells of the four feature maps, in network pixels. */
const strides = [8, 16, 32, 64] as const

/**
 * The published network takes 320 × 240 pixels and turns its eight heads into lists of boxes, with the places of the anchors of
 * that one size among its constants. What stands in front of that slides over pictures of any size: `input` [n, 3, h, w] to
 * `score_<stride>` [n, 2 · anchors, rows, columns] and `box_<stride>` [n, 4 · anchors, rows, columns]. Weights are copied.
 */
export function ultrafaceToOnnx(file: Uint8Array): Uint8Array {
  const { nodes, tensors } = readOnnx(file)
  const heads = nodes.filter(({ operator }) => operator === "Transpose").map(({ inputs }) => inputs[0] ?? "")
  if (heads.length !== 2 * strides.length) throw new Error(`${heads.length} heads, not one for scores and boxes of each stride`)
  const outputNames = new Map(
    heads.map((head, at) => [head, `${at % 2 === 0 ? "score" : "box"}_${strides[Math.floor(at / 2)]}`]),
  )
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const graph = createOnnxGraph("network")
  const values = new Map<string, string>([["input", graph.input("input", ["n", 3, "h", "w"])]])
  const constants = new Map<OnnxTensor, string>()

  function constant(name: string): string | undefined {
    const tensor = tensors.get(name)
    if (tensor === undefined) return undefined
    const known = constants.get(tensor) ?? graph.constant(tensor.values, tensor.shape)
    constants.set(tensor, known)
    return known
  }

  function add(name: string): string {
    const known = values.get(name) ?? constant(name)
    if (known !== undefined) return known
    const node = makers.get(name)
    if (node === undefined) throw new Error(`nothing in the network makes ${name}`)
    const made = addNode(node, outputNames.get(name))
    values.set(name, made)
    return made
  }

  function addNode({ operator, inputs, integers }: OnnxNode, output: string | undefined): string {
    switch (operator) {
      case "Conv": {
        const { dilations = [], group = [1], kernel_shape = [], pads = [], strides: steps = [] } = integers
        const attributes = { dilations, group: group[0] ?? 1, kernel_shape, pads, strides: steps }
        return graph.node(operator, inputs.map(add), attributes, output)
      }
      case "Concat":
        return graph.node(operator, inputs.map(add), { axis: integers.axis?.[0] ?? 1 }, output)
      case "Mul": {
        const [x = "", factor = ""] = inputs
        const scale = tensors.get(factor)?.values
        if (scale?.length !== 1 || scale[0] !== 1) throw new Error("a multiplication that is not by one")
        return add(x)
      }
      case "Add":
      case "Relu":
        return graph.node(operator, inputs.map(add), {}, output)
      default:
        throw new Error(`${operator} in front of the heads is not one of ours`)
    }
  }

  for (const head of heads) add(head)
  for (const [head, name] of outputNames) {
    const channels = tensors.get(makers.get(head)?.inputs[1] ?? "")?.shape[0] ?? 0
    const size = name.split("_")[1]
    graph.output(name, ["n", channels, `rows_${size}`, `columns_${size}`])
  }
  return graph.toBytes()
}
