import { expect, test } from "bun:test"
import { plainWords } from "../../../app/inference/providers/words.ts"

test("what ONNX Runtime says is told without places in its source and without the name of the machine", () => {
  const place = "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1988 onnxruntime::Provider& Get() "
  const missing =
    "Failed to load library libonnxruntime_providers_cuda.so with error: libcudart.so.12: cannot open shared object file"
  expect(plainWords(new Error(`${place}[ONNXRuntimeError] : 1 : FAIL : ${missing}\n`))).toBe(missing)
  const failure = "CUDA failure 100: no CUDA-capable device is detected"
  const behind =
    " ; GPU=-1 ; hostname=door-3 ; file=cuda_execution_provider.cc ; line=282 ; expr=cudaSetDevice(info_.device_id);"
  expect(plainWords(new Error(`${place}[with ERRTYPE = cudaError] ${failure}${behind}`))).toBe(failure)
  expect(plainWords("something else")).toBe("something else")
})
