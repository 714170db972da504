import type { Model, Operation, Tensor } from "./tflite-reader.ts"

/**
 * The networks spell PReLU and softmax out in small steps. Recognised as what they are, they need one operation instead of
 * five or six, and can be written in the form that runs fastest.
 */
export function foldSpelledOut(model: Model): Model {
  const makers = new Map(model.operations.map((operation) => [operation.output, operation]))
  const folded = model.operations.map((operation) => asPrelu(operation, makers) ?? asSoftmax(operation, makers) ?? operation)
  return { ...model, operations: withoutUnused(folded, model.outputs) }
}

type Makers = ReadonlyMap<Tensor, Operation>

/** Two spellings of slope · x for x < 0, each added to relu(x): (x − |x|) · slope/2 and −relu(−x) · slope. */
function asPrelu(operation: Operation, makers: Makers): Operation | undefined {
  if (operation.kind !== "add") return undefined
  const [relu, scaled] = operation.inputs.map((input) => makers.get(input))
  const x = relu?.kind === "relu" ? relu.inputs[0] : undefined
  const slopes = scaled?.kind === "multiply" ? scaled.inputs.find((input) => input.values !== undefined) : undefined
  const negativePart = scaled?.inputs.find((input) => input !== slopes)
  if (x === undefined || slopes?.values === undefined || negativePart === undefined) return undefined
  const factor = isDoubledNegativePart(negativePart, x, makers) ? 2 : isNegativePart(negativePart, x, makers) ? 1 : undefined
  if (factor === undefined) return undefined
  const doubled = { ...slopes, values: slopes.values.map((slope) => slope * factor) }
  return { kind: "prelu", inputs: [x, doubled], output: operation.output }
}

/** x − |x| */
function isDoubledNegativePart(tensor: Tensor, x: Tensor, makers: Makers): boolean {
  const difference = makers.get(tensor)
  const [from, taken] = difference?.kind === "subtract" ? difference.inputs : []
  return from === x && taken !== undefined && isMadeBy("absolute", taken, x, makers)
}

/** −relu(−x) */
function isNegativePart(tensor: Tensor, x: Tensor, makers: Makers): boolean {
  const [relu] = makers.get(tensor)?.inputs ?? []
  const [negated] = relu === undefined ? [] : (makers.get(relu)?.inputs ?? [])
  return (
    relu !== undefined &&
    negated !== undefined &&
    isMadeBy("negate", tensor, relu, makers) &&
    isMadeBy("relu", relu, negated, makers) &&
    isMadeBy("negate", negated, x, makers)
  )
}

function isMadeBy(kind: Operation["kind"], tensor: Tensor, from: Tensor, makers: Makers): boolean {
  const maker = makers.get(tensor)
  return maker?.kind === kind && maker.inputs[0] === from
}

/** exp(x − max x) / Σ exp(x − max x), over the last axis. */
function asSoftmax(operation: Operation, makers: Makers): Operation | undefined {
  if (operation.kind !== "divide") return undefined
  const [exponential, total] = operation.inputs
  if (exponential === undefined || total === undefined || !isMadeBy("sum", total, exponential, makers)) return undefined
  const exp = makers.get(exponential)
  const shifted = exp?.kind === "exp" ? exp.inputs[0] : undefined
  const difference = shifted === undefined ? undefined : makers.get(shifted)
  const [x, largest] = difference?.kind === "subtract" ? difference.inputs : []
  if (x === undefined || largest === undefined || !isMadeBy("maximum", largest, x, makers)) return undefined
  return { kind: "softmax", inputs: [x], output: operation.output }
}

/** What the folds bypassed leads to no output any more. */
function withoutUnused(operations: readonly Operation[], outputs: readonly Tensor[]): Operation[] {
  const needed = new Set(outputs)
  return operations
    .toReversed()
    .filter((operation) => {
      if (!needed.has(operation.output)) return false
      for (const input of operation.inputs) needed.add(input)
      return true
    })
    .toReversed()
}
