// What scripts/build-hnswlib.ts compiles: the classes of hnswlib-node as they are, and beside them indexes that all threads of
// the process share. An index is known by its number; the thread that holds the number need not be the one that made it.
#include <napi.h>

#include <map>

// The package registers itself with this macro; its classes are wanted, but there is one registration for all.
#pragma push_macro("NODE_API_MODULE")
#undef NODE_API_MODULE
#define NODE_API_MODULE(name, init)
#include "addon-of-package.cc"
#pragma pop_macro("NODE_API_MODULE")

#include "links.h"
#include "shared-index.h"

namespace {

using gatehouse::Found;
using gatehouse::SharedIndex;

/** Never destroyed: threads may still search while the process ends. */
struct Registry {
  std::mutex lock;
  std::map<uint32_t, std::shared_ptr<SharedIndex>> indexes;
  uint32_t last = 0;
};

Registry& registry() {
  static Registry* const one = new Registry();
  return *one;
}

std::shared_ptr<SharedIndex> indexOf(const Napi::Value& number) {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.lock);
  const auto found = all.indexes.find(number.As<Napi::Number>().Uint32Value());
  if (found == all.indexes.end()) throw std::runtime_error("this index is closed");
  return found->second;
}

void wants(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

size_t sizeAt(const Napi::CallbackInfo& info, size_t i) {
  wants(info[i].IsNumber(), "a number is expected");
  return static_cast<size_t>(info[i].As<Napi::Number>().Int64Value());
}

Napi::Float32Array floatsAt(const Napi::CallbackInfo& info, size_t i) {
  wants(info[i].IsTypedArray() && info[i].As<Napi::TypedArray>().TypedArrayType() == napi_float32_array, "a Float32Array is expected");
  return info[i].As<Napi::Float32Array>();
}

Napi::Float64Array doublesAt(const Napi::CallbackInfo& info, size_t i) {
  wants(info[i].IsTypedArray() && info[i].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array, "a Float64Array is expected");
  return info[i].As<Napi::Float64Array>();
}

const float* queryAt(const Napi::CallbackInfo& info, size_t i, const SharedIndex& index) {
  const Napi::Float32Array vector = floatsAt(info, i);
  wants(vector.ElementLength() == index.settings().dimension, "the vector has another dimension");
  return vector.Data();
}

/** Into the caller's arrays; how many there are. */
Napi::Value told(const Napi::CallbackInfo& info, size_t at, const SharedIndex& index, const std::vector<Found>& found) {
  Napi::Float64Array numbers = doublesAt(info, at);
  Napi::Float32Array similarities = floatsAt(info, at + 1);
  const size_t many = std::min({found.size(), numbers.ElementLength(), similarities.ElementLength()});
  for (size_t i = 0; i < many; i++) {
    numbers[i] = index.numberOf(found[i].slot);
    similarities[i] = found[i].similarity;
  }
  return Napi::Number::New(info.Env(), static_cast<double>(many));
}

Napi::Value create(const Napi::CallbackInfo& info) {
  const gatehouse::Settings settings = {sizeAt(info, 0), info[1].As<Napi::Boolean>().Value(), sizeAt(info, 2), sizeAt(info, 3)};
  wants(settings.dimension >= 1 && settings.dimension <= 65536, "a dimension is 1 to 65,536");
  auto index = std::make_shared<SharedIndex>(settings);
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.lock);
  all.indexes[++all.last] = std::move(index);
  return Napi::Number::New(info.Env(), all.last);
}

/** Who still searches it keeps it alive until they are done. */
Napi::Value close(const Napi::CallbackInfo& info) {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.lock);
  all.indexes.erase(static_cast<uint32_t>(sizeAt(info, 0)));
  return info.Env().Undefined();
}

Napi::Value append(const Napi::CallbackInfo& info) {
  const auto index = indexOf(info[0]);
  const Napi::Float64Array numbers = doublesAt(info, 1);
  const Napi::Float32Array vectors = floatsAt(info, 2);
  const size_t dimension = index->settings().dimension;
  wants(vectors.ElementLength() == numbers.ElementLength() * dimension, "there is a vector for each number");
  for (size_t i = 0; i < numbers.ElementLength(); i++)
    if (!index->append(numbers[i], vectors.Data() + i * dimension)) throw std::runtime_error("numbers rise, and this one does not");
  return info.Env().Undefined();
}

Napi::Value remove(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), indexOf(info[0])->remove(info[1].As<Napi::Number>().DoubleValue()));
}

Napi::Value has(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), indexOf(info[0])->has(info[1].As<Napi::Number>().DoubleValue()));
}

Napi::Value counts(const Napi::CallbackInfo& info) {
  const auto counts = indexOf(info[0])->counts();
  Napi::Object told = Napi::Object::New(info.Env());
  told.Set("size", counts.size);
  told.Set("built", counts.built);
  told.Set("dead", counts.dead);
  told.Set("gone", counts.gone);
  return told;
}

Napi::Value search(const Napi::CallbackInfo& info) {
  const auto index = indexOf(info[0]);
  return told(info, 5, *index, index->search(queryAt(info, 1, *index), sizeAt(info, 2), sizeAt(info, 3), sizeAt(info, 4)));
}

Napi::Value searchAmong(const Napi::CallbackInfo& info) {
  const auto index = indexOf(info[0]);
  const Napi::Float64Array numbers = doublesAt(info, 3);
  return told(info, 4, *index, index->searchAmong(queryAt(info, 1, *index), sizeAt(info, 2), numbers.Data(), numbers.ElementLength()));
}

Napi::Value build(const Napi::CallbackInfo& info) {
  const auto index = indexOf(info[0]);
  return Napi::Boolean::New(info.Env(), index->build(std::max<size_t>(1, sizeAt(info, 1)), info[2].As<Napi::Number>().DoubleValue()));
}

Napi::Value tidy(const Napi::CallbackInfo& info) {
  indexOf(info[0])->tidy();
  return info.Env().Undefined();
}

Napi::Value saveLinks(const Napi::CallbackInfo& info) {
  const std::vector<uint8_t> bytes = indexOf(info[0])->saveLinks();
  Napi::Uint8Array told = Napi::Uint8Array::New(info.Env(), bytes.size());
  if (!bytes.empty()) memcpy(told.Data(), bytes.data(), bytes.size());
  return told;
}

Napi::Value loadLinks(const Napi::CallbackInfo& info) {
  const auto index = indexOf(info[0]);
  wants(info[1].IsTypedArray(), "bytes are expected");
  const Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  return Napi::String::New(info.Env(), index->loadLinks(bytes.Data(), bytes.ElementLength()));
}

Napi::Value yieldToOthers(const Napi::CallbackInfo& info) {
  SharedIndex::yieldToOthers();
  return info.Env().Undefined();
}

/** What C++ throws becomes an error of JavaScript. */
template <Napi::Value (*Call)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return Call(info);
  } catch (const std::exception& error) {
    Napi::Error::New(info.Env(), error.what()).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  Init(env, exports);
  Napi::Object shared = Napi::Object::New(env);
  shared.Set("create", Napi::Function::New<guarded<create>>(env));
  shared.Set("close", Napi::Function::New<guarded<close>>(env));
  shared.Set("append", Napi::Function::New<guarded<append>>(env));
  shared.Set("remove", Napi::Function::New<guarded<remove>>(env));
  shared.Set("has", Napi::Function::New<guarded<has>>(env));
  shared.Set("counts", Napi::Function::New<guarded<counts>>(env));
  shared.Set("search", Napi::Function::New<guarded<search>>(env));
  shared.Set("searchAmong", Napi::Function::New<guarded<searchAmong>>(env));
  shared.Set("build", Napi::Function::New<guarded<build>>(env));
  shared.Set("tidy", Napi::Function::New<guarded<tidy>>(env));
  shared.Set("saveLinks", Napi::Function::New<guarded<saveLinks>>(env));
  shared.Set("loadLinks", Napi::Function::New<guarded<loadLinks>>(env));
  shared.Set("yieldToOthers", Napi::Function::New<guarded<yieldToOthers>>(env));
  exports.Set("shared", shared);
  return exports;
}

}  // namespace

NODE_API_MODULE(hnswlib, init)
