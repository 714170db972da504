import type { EditableNetwork, NetworkNode } from "./network.ts"

/** Which nodes of a network are computed in whole numbers, and which values are therefore kept in eight bits. */
export interface Plan {
  readonly nodes: ReadonlySet<NetworkNode>
  /** Names of the values, in the order in which they come about. */
  readonly values: readonly string[]
  /** A value that has to share the range of the one it is picked from, as the largest of four is one of the four. */
  readonly rangeFrom: ReadonlyMap<string, string>
}

/** Those with weights. Their inputs, weights and outputs are eight bits, their sums 32. */
const weighing = new Set(["Conv", "Gemm"])
/** Those whose output values are among their input values. */
const picking = new Set(["MaxPool", "Resize", "Flatten"])
const computing = new Set([
  ...weighing,
  ...picking,
  ...["Add", "AveragePool", "Concat", "GlobalAveragePool", "LeakyRelu", "Mul", "Relu", "Sigmoid"],
])

/**
 * Every node that the runtime can compute in eight bits, except the last weights of each branch and what follows them: their
 * values are the answer, whose fine differences nothing evens out any more.
 * @param left names of outputs of nodes that shall stay floats
 */
export function planFor(network: EditableNetwork, left: ReadonlySet<string> = new Set()): Plan {
  const readers = readersOf(network)
  const answering = new Map<NetworkNode, boolean>()
  const isAnswering = (node: NetworkNode): boolean => {
    const known = answering.get(node)
    if (known !== undefined) return known
    const following = node.outputs.flatMap((output) => readers.get(output) ?? [])
    const result = following.every((reader) => !isWeighing(reader, network) && isAnswering(reader))
    answering.set(node, result)
    return result
  }
  const nodes = new Set(
    network.nodes.filter(
      (node) =>
        computing.has(node.operator) && !isAnswering(node) && !left.has(node.outputs[0] ?? "") && constantsFit(node, network),
    ),
  )

  const makers = new Map(network.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const made = [...network.inputs, ...network.nodes.flatMap(({ outputs }) => outputs)]
  const values = made.filter((value) => {
    const [maker, reading] = [makers.get(value), readers.get(value) ?? []]
    if (!(maker !== undefined && nodes.has(maker)) && !reading.some((reader) => nodes.has(reader))) return false
    // The runtime computes a sum and the ReLU behind it as one, if nothing stands between them.
    const [only, ...more] = reading
    const joined = only?.operator === "Relu" && more.length === 0 && nodes.has(only)
    return !(joined && maker !== undefined && nodes.has(maker) && (weighing.has(maker.operator) || maker.operator === "Add"))
  })
  const rangeFrom = new Map<string, string>()
  for (const { operator, inputs, outputs } of nodes) if (picking.has(operator)) rangeFrom.set(outputs[0] ?? "", inputs[0] ?? "")
  return { nodes, values, rangeFrom }
}

function isWeighing({ operator, inputs }: NetworkNode, { tensors }: EditableNetwork): boolean {
  return weighing.has(operator) && tensors.has(inputs[1] ?? "")
}

/** Weights are constants; whatever else has one (a scaling of the picture) is left alone. */
function constantsFit(node: NetworkNode, network: EditableNetwork): boolean {
  if (weighing.has(node.operator)) return isWeighing(node, network)
  if (picking.has(node.operator)) return true
  return node.inputs.every((input) => !network.tensors.has(input))
}

function readersOf({ nodes }: EditableNetwork): Map<string, NetworkNode[]> {
  const readers = new Map<string, NetworkNode[]>()
  for (const node of nodes) for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node])
  return readers
}
