import { expect, test } from "bun:test"
import { callSite, readApiHeader } from "../../scripts/ort-api/header.ts"

/** In the manner of onnxruntime_c_api.h, with everything that makes it hard to read. */
const header = `
#define ORT_API_VERSION 24
struct OrtApiBase { int none; };
struct OrtApi {
  /// \\name OrtStatus
  /** \\brief Remarks may hold code; even (brackets), and a struct: \`struct OrtApi {\`
   * \\since Version 1.3.
   */
  const char*(ORT_API_CALL* GetErrorMessage)(_In_ const OrtStatus* status)NO_EXCEPTION ORT_ALL_ARGS_NONNULL;
  // a line; with a semicolon
  ORT_CLASS_RELEASE(Session);
#ifdef __cplusplus
  OrtApi(const OrtApi&)=delete;
#endif
  /** \\since Version 1.24. */
  ORT_API2_STATUS(Run, _Inout_ OrtSession* session, _In_opt_ const OrtRunOptions* run_options,
                  _In_reads_(input_len) const char* const* input_names, size_t input_len,
                  GraphOptimizationLevel level, enum OrtAllocatorType type, int threads, _In_ int64_t side,
                  _In_ void (*callback)(int a, int b), uint32_t flags);
  ORT_API_T(OrtDeviceMemoryType, MemoryInfoGetDeviceMemType, _In_ const OrtMemoryInfo* ptr);
};
`.replace(/#ifdef[\s\S]*?#endif\n/, "")

test("the place, arguments and age of each function are read from the header", () => {
  const read = readApiHeader(header)
  expect(read.version).toBe(24)
  expect([...read.functions.keys()]).toEqual(["GetErrorMessage", "ReleaseSession", "Run", "MemoryInfoGetDeviceMemType"])
  expect(callSite(read, "GetErrorMessage")).toEqual({ index: 0, since: 3, args: ["ptr"], returns: "cstring" })
  expect(callSite(read, "ReleaseSession")).toEqual({ index: 1, since: 0, args: ["ptr"], returns: "void" })
  expect(callSite(read, "Run")).toEqual({
    index: 2,
    since: 24,
    args: ["ptr", "ptr", "ptr", "u64", "i32", "i32", "i32", "u64", "ptr", "u32"],
    returns: "ptr",
  })
  expect(callSite(read, "MemoryInfoGetDeviceMemType").returns).toBe("i32")
})

test("a header that is none, a function that it has not, and what is not understood are said", () => {
  expect(() => readApiHeader("int main() {}")).toThrow("this is no onnxruntime_c_api.h")
  expect(() => callSite(readApiHeader(header), "Walk")).toThrow("the header knows no Walk")
  expect(() => readApiHeader("#define ORT_API_VERSION 24\nstruct OrtApi {\n  int x;\n};\n")).toThrow("not understood: int x")
})
