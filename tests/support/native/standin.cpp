// A stand-in for a board's ONNX Runtime: it forwards OrtGetApiBase to a real library and pretends to have TensorRT, CUDA and CANN.
// Their options are taken and written down; the session then runs on the real library's CPU provider. So tests see, without an
// accelerator, what would reach one, and an accelerator that misbehaves when told to.
//
// It is told by a file beside it, `<library>.conf`, one `key=value` a line, read anew at each call (engines get no environment of
// ours, and a fault can come and go while they run):
//
//   runtime=<path>       the real libonnxruntime.so (required)
//   version=<text>       what it calls itself; the real version when not said
//   providers=<names>    separated by commas, before CPUExecutionProvider; the three accelerators when not said
//   log=<path>           a line of JSON for each thing that happens:
//                          {"event":"append","provider":"tensorrt","options":{…}}
//                          {"event":"session","provider":"tensorrt","bytes":N,"engine":"built"|"found"|"none"}
//                          {"event":"fault","fault":"nan","run":N}
//   refuse_<provider>=<text>   tensorrt, cuda or cann cannot be put into a session, with these words
//   build=slow:<ms> | crash | hang | fail   what comes of making a TensorRT engine that is not in its cache folder
//   load=crash           what comes of an engine that is in its cache folder
//   runs_before_fault=N  runs of one process on an accelerator that go well first; 0 when not said
//   faults=N             runs that go wrong then; all when not said
//   fault=fail | hang | crash | nan | wrong | slow:<ms>   how they go wrong; none when not said
//
// With trt_engine_cache_enable=1 a session leaves `<trt_engine_cache_path>/standin-<hash of the network>.engine` and finds it again.

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

using Status = void;
using Options = std::map<std::string, std::string>;

// Places in the table of functions of onnxruntime_c_api.h: append-only, so they hold for every version.
enum Place {
  kCreateStatus = 0,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kGetTensorMutableData = 51,
  kGetTensorShapeElementCount = 64,
  kGetTensorTypeAndShape = 65,
  kReleaseSession = 95,
  kReleaseTensorTypeAndShapeInfo = 99,
  kGetAvailableProviders = 125,
  kReleaseAvailableProviders = 126,
  kAppendTensorRT = 170,
  kCreateTensorRT = 171,
  kUpdateTensorRT = 172,
  kReleaseTensorRT = 174,
  kAppendCUDA = 204,
  kCreateCUDA = 205,
  kUpdateCUDA = 206,
  kReleaseCUDA = 208,
  kAppendCANN = 220,
  kCreateCANN = 221,
  kUpdateCANN = 222,
  kReleaseCANN = 224,
  kSessionGetEpGraphAssignmentInfo = 407,
  kEpAssignedSubgraphGetEpName = 408,
  kPlaces = 410,
};

struct ApiBase {
  const void* const* (*GetApi)(uint32_t);
  const char* (*GetVersionString)();
};

enum Provider { kTensorRT, kCUDA, kCANN };
const char* const kNames[] = {"tensorrt", "cuda", "cann"};
const char* const kFullNames[] = {"TensorrtExecutionProvider", "CUDAExecutionProvider", "CANNExecutionProvider"};

struct ProviderOptions {
  Provider provider;
  Options values;
};

std::recursive_mutex mutex;
const void* const* real = nullptr;
const void* table[kPlaces];
ApiBase base;
std::map<const void*, ProviderOptions> appended;  // to session options
std::map<const void*, Provider> sessions;
bool asking_of_accelerated = false;
Provider asked_of;
long runs = 0;

template <typename F>
F original(Place place) {
  return reinterpret_cast<F>(const_cast<void*>(real[place]));
}

std::string own_path() {
  Dl_info info;
  return dladdr(reinterpret_cast<void*>(&own_path), &info) ? info.dli_fname : "";
}

std::string setting(const std::string& key, const std::string& otherwise = "") {
  std::ifstream file(own_path() + ".conf");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key + "=", 0) == 0) return line.substr(key.size() + 1);
  return otherwise;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void note(const std::string& json) {
  const std::string path = setting("log");
  if (path.empty()) return;
  std::ofstream(path, std::ios::app) << json << "\n";
}

Status* error(const std::string& words) {
  return original<Status* (*)(int, const char*)>(kCreateStatus)(1, words.c_str());
}

void pause_ms(long ms) { usleep(static_cast<useconds_t>(ms) * 1000); }

long after_colon(const std::string& text) { return std::atol(text.substr(text.find(':') + 1).c_str()); }

// --- Options of the providers

template <Provider P>
Status* create_options(void** out) {
  *out = new ProviderOptions{P, {}};
  return nullptr;
}

Status* update_options(void* options, const char* const* keys, const char* const* values, size_t count) {
  for (size_t i = 0; i < count; i++) static_cast<ProviderOptions*>(options)->values[keys[i]] = values[i];
  return nullptr;
}

void release_options(void* options) { delete static_cast<ProviderOptions*>(options); }

Status* append_provider(void* session_options, const void* options) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  const auto& given = *static_cast<const ProviderOptions*>(options);
  const std::string refusal = setting(std::string("refuse_") + kNames[given.provider]);
  if (!refusal.empty()) return error(refusal);
  std::string listed;
  for (const auto& [key, value] : given.values) listed += (listed.empty() ? "" : ",") + quoted(key) + ":" + quoted(value);
  note(std::string("{\"event\":\"append\",\"provider\":") + quoted(kNames[given.provider]) + ",\"options\":{" + listed + "}}");
  appended[session_options] = given;
  return nullptr;
}

// --- Sessions

uint64_t hash_of(const void* bytes, size_t length) {
  uint64_t hash = 1469598103934665603ull;
  for (size_t i = 0; i < length; i++) hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 1099511628211ull;
  return hash;
}

// What TensorRT would do with its cache folder. `made`: "built", "found" or "none".
Status* make_engine(const Options& options, const void* bytes, size_t length, std::string& made) {
  made = "none";
  // As TensorRT leaves networks with fewer nodes to others: nothing is made.
  const auto smallest = options.find("trt_min_subgraph_size");
  if (smallest != options.end() && std::atoi(smallest->second.c_str()) > 100) return nullptr;
  const auto enabled = options.find("trt_engine_cache_enable");
  const auto folder = options.find("trt_engine_cache_path");
  std::string path;
  if (enabled != options.end() && enabled->second == "1" && folder != options.end()) {
    path = folder->second + "/standin-" + std::to_string(hash_of(bytes, length)) + ".engine";
    if (access(path.c_str(), R_OK) == 0) {
      made = "found";
      if (setting("load") == "crash") std::abort();
      return nullptr;
    }
  }
  const std::string build = setting("build");
  if (build == "crash") std::abort();
  if (build == "hang") pause_ms(3600000);
  if (build == "fail") return error("TensorRT EP failed to create engine from network");
  if (build.rfind("slow:", 0) == 0) pause_ms(after_colon(build));
  if (!path.empty()) {
    std::ofstream(path) << "engine";
    made = "built";
  }
  return nullptr;
}

Status* create_session(const void* env, const void* bytes, size_t length, const void* options, void** out) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  const auto found = appended.find(options);
  std::string made = "none";
  if (found != appended.end() && found->second.provider == kTensorRT)
    if (Status* failed = make_engine(found->second.values, bytes, length, made)) return failed;
  using Create = Status* (*)(const void*, const void*, size_t, const void*, void**);
  Status* status = original<Create>(kCreateSessionFromArray)(env, bytes, length, options, out);
  if (status != nullptr || found == appended.end()) return status;
  sessions[*out] = found->second.provider;
  note(std::string("{\"event\":\"session\",\"provider\":") + quoted(kNames[found->second.provider]) +
       ",\"bytes\":" + std::to_string(length) + ",\"engine\":" + quoted(made) + "}");
  appended.erase(found);
  return nullptr;
}

void release_session(void* session) {
  {
    std::lock_guard<std::recursive_mutex> lock(mutex);
    sessions.erase(session);
  }
  original<void (*)(void*)>(kReleaseSession)(session);
}

// --- Runs

void spoil(void* value, bool nan) {
  void* data = nullptr;
  original<Status* (*)(void*, void**)>(kGetTensorMutableData)(value, &data);
  void* info = nullptr;
  original<Status* (*)(const void*, void**)>(kGetTensorTypeAndShape)(value, &info);
  size_t count = 0;
  original<Status* (*)(const void*, size_t*)>(kGetTensorShapeElementCount)(info, &count);
  original<void (*)(void*)>(kReleaseTensorTypeAndShapeInfo)(info);
  // All our networks answer in float.
  float* values = static_cast<float*>(data);
  if (nan && count > 0) values[count - 1] = std::nanf("");
  if (!nan)
    for (size_t i = 0; i < count / 2; i++) std::swap(values[i], values[count - 1 - i]);
}

Status* run_session(void* session, const void* run_options, const char* const* input_names, const void* const* inputs,
                    size_t input_count, const char* const* output_names, size_t output_count, void** outputs) {
  std::string fault;
  {
    std::lock_guard<std::recursive_mutex> lock(mutex);
    if (sessions.count(session) != 0) {
      const long run = ++runs;
      const long before = std::atol(setting("runs_before_fault", "0").c_str());
      const long many = std::atol(setting("faults", "1000000000").c_str());
      fault = run > before && run <= before + many ? setting("fault") : "";
      if (!fault.empty()) note("{\"event\":\"fault\",\"fault\":" + quoted(fault) + ",\"run\":" + std::to_string(run) + "}");
    }
  }
  if (fault == "crash") std::abort();
  if (fault == "hang") pause_ms(3600000);
  if (fault == "fail") return error("CUDA failure 719: unspecified launch failure");
  if (fault.rfind("slow:", 0) == 0) pause_ms(after_colon(fault));
  using Run = Status* (*)(void*, const void*, const char* const*, const void* const*, size_t, const char* const*, size_t, void**);
  Status* status = original<Run>(kRun)(session, run_options, input_names, inputs, input_count, output_names, output_count, outputs);
  if (status == nullptr && (fault == "nan" || fault == "wrong"))
    for (size_t i = 0; i < output_count; i++) spoil(outputs[i], fault == "nan");
  return status;
}

// --- What it says of itself

Status* available_providers(char*** out, int* count) {
  std::vector<std::string> names;
  std::string listed = setting("providers", "TensorrtExecutionProvider,CUDAExecutionProvider,CANNExecutionProvider");
  for (size_t from = 0; from < listed.size();) {
    const size_t comma = std::min(listed.find(',', from), listed.size());
    names.push_back(listed.substr(from, comma - from));
    from = comma + 1;
  }
  names.push_back("CPUExecutionProvider");
  char** copies = new char*[names.size()];
  for (size_t i = 0; i < names.size(); i++) copies[i] = strdup(names[i].c_str());
  *out = copies;
  *count = static_cast<int>(names.size());
  return nullptr;
}

Status* release_providers(char** names, int count) {
  for (int i = 0; i < count; i++) std::free(names[i]);
  delete[] names;
  return nullptr;
}

Status* assignment_info(const void* session, const void* const** subgraphs, size_t* count) {
  {
    std::lock_guard<std::recursive_mutex> lock(mutex);
    const auto found = sessions.find(session);
    asking_of_accelerated = found != sessions.end();
    if (asking_of_accelerated) asked_of = found->second;
  }
  using Info = Status* (*)(const void*, const void* const**, size_t*);
  return original<Info>(kSessionGetEpGraphAssignmentInfo)(session, subgraphs, count);
}

Status* subgraph_provider(const void* subgraph, const char** name) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  if (asking_of_accelerated) {
    *name = kFullNames[asked_of];
    return nullptr;
  }
  return original<Status* (*)(const void*, const char**)>(kEpAssignedSubgraphGetEpName)(subgraph, name);
}

template <typename F>
void put(Place place, F function) {
  table[place] = reinterpret_cast<const void*>(function);
}

const ApiBase* real_base() {
  static const ApiBase* found = [] {
    void* handle = dlopen(setting("runtime").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      std::fprintf(stderr, "stand-in: %s\n", dlerror());
      std::abort();
    }
    return reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"))();
  }();
  return found;
}

const void* const* get_api(uint32_t version) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  real = real_base()->GetApi(version);
  if (real == nullptr) return nullptr;
  std::memcpy(table, real, sizeof(table));
  put(kCreateSessionFromArray, &create_session);
  put(kReleaseSession, &release_session);
  put(kRun, &run_session);
  put(kGetAvailableProviders, &available_providers);
  put(kReleaseAvailableProviders, &release_providers);
  put(kAppendTensorRT, &append_provider);
  put(kCreateTensorRT, &create_options<kTensorRT>);
  put(kUpdateTensorRT, &update_options);
  put(kReleaseTensorRT, &release_options);
  put(kAppendCUDA, &append_provider);
  put(kCreateCUDA, &create_options<kCUDA>);
  put(kUpdateCUDA, &update_options);
  put(kReleaseCUDA, &release_options);
  put(kAppendCANN, &append_provider);
  put(kCreateCANN, &create_options<kCANN>);
  put(kUpdateCANN, &update_options);
  put(kReleaseCANN, &release_options);
  put(kSessionGetEpGraphAssignmentInfo, &assignment_info);
  put(kEpAssignedSubgraphGetEpName, &subgraph_provider);
  return table;
}

const char* version_string() {
  static std::string version;
  version = setting("version", real_base()->GetVersionString());
  return version.c_str();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const ApiBase* OrtGetApiBase() {
  base = {&get_api, &version_string};
  return &base;
}
