/** Without the places in ONNX Runtime's own source that its words begin and end with, and without the name of the machine. */
export function plainWords(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  return words
    .replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /s, "")
    .replace(/^.*(?=CUDA failure)/s, "")
    .replace(/ ; GPU=.* ; hostname=.*$/s, "")
    .trim()
}
