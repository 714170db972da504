// The vectors of one space, and the graph over them: one copy in memory that every thread of the process searches.
#pragma once

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hnswlib/hnswlib.h"
#include "records.h"
#include "rooms.h"
#include "turns.h"

namespace gatehouse {

using Graph = hnswlib::HierarchicalNSW<float>;

/** Lets hnswlib walk over records instead of floats. */
class RecordSpace : public hnswlib::SpaceInterface<float> {
 public:
  explicit RecordSpace(size_t dimension) : padded_(paddedLength(dimension)), bytes_(recordBytes(dimension)) {}
  size_t get_data_size() override { return bytes_; }
  hnswlib::DISTFUNC<float> get_dist_func() override { return distance; }
  void* get_dist_func_param() override { return &padded_; }

 private:
  size_t padded_, bytes_;
};

struct Found {
  uint32_t slot;
  float similarity;
};

struct Settings {
  size_t dimension;
  /** Whether the floats stay in memory. Without them similarities are those of the codes, and `errorMax` says how far off. */
  bool keepsFloats;
  /** Links of a node (twice as many on the ground level), and how widely neighbours are looked for when it is inserted. */
  size_t links, buildWidth;
};

struct Counts {
  /** Slots ever taken; those in the graph; those whose face is gone; nodes of a loaded graph that belong to no slot. */
  uint32_t size, built, dead, gone;
};

/**
 * Vectors lie in slots, in the order in which they came; a face's number rises with its slot, so slots are found by halving. One
 * thread appends and removes; any number of threads search at the same time; one thread at a time builds, loads or saves.
 */
class SharedIndex {
 public:
  explicit SharedIndex(const Settings& settings)
      : settings_(settings),
        bytes_(recordBytes(settings.dimension)),
        padded_(paddedLength(settings.dimension)),
        space_(settings.dimension),
        chunks_(static_cast<Chunk**>(calloc(chunksMax, sizeof(Chunk*)))) {
    if (chunks_ == nullptr) throw std::bad_alloc();
  }
  SharedIndex(const SharedIndex&) = delete;
  SharedIndex& operator=(const SharedIndex&) = delete;
  ~SharedIndex() {
    for (size_t i = 0; i < chunksMax && chunks_[i] != nullptr; i++) delete chunks_[i];
    free(chunks_);
  }

  const Settings& settings() const { return settings_; }
  Counts counts() const { return {size_.load(), built_.load(), dead_.load(), gone_.load()}; }

  /** False, and nothing appended, when the number is not above all before. */
  bool append(double number, const float* vector) {
    const uint32_t slot = size_.load(std::memory_order_relaxed);
    if (slot > 0 && number <= numberOf(slot - 1)) return false;
    if (slot >= chunksMax * chunkSlots) throw std::runtime_error("an index holds at most 67 million vectors");
    if (chunks_[slot / chunkSlots] == nullptr) chunks_[slot / chunkSlots] = new Chunk(settings_, bytes_);
    Chunk& chunk = *chunks_[slot / chunkSlots];
    const size_t place = slot % chunkSlots;
    chunk.numbers[place] = number;
    encode(vector, settings_.dimension, chunk.records.get() + place * bytes_);
    if (settings_.keepsFloats) memcpy(floatsOf(slot), vector, settings_.dimension * sizeof(float));
    // Whoever sees the new size sees the vector.
    size_.store(slot + 1, std::memory_order_release);
    return true;
  }

  /** The next search does not find it. Its floats are wiped by the next `tidy`. */
  bool remove(double number) {
    const int64_t slot = slotOf(number);
    if (slot < 0 || isDead(slot)) return false;
    chunkOf(slot).dead[slot % chunkSlots].store(1, std::memory_order_release);
    dead_++;
    std::lock_guard<std::mutex> lock(unwipedLock_);
    unwiped_.push_back(slot);
    return true;
  }

  bool has(double number) const {
    const int64_t slot = slotOf(number);
    return slot >= 0 && !isDead(slot);
  }

  double numberOf(uint32_t slot) const { return chunks_[slot / chunkSlots]->numbers[slot % chunkSlots]; }

  /** The nearest `count`, best first: by the graph for what is in it, exactly for all others, those by several threads. */
  std::vector<Found> search(const float* vector, size_t count, size_t width, size_t threads) {
    const Query query(vector, settings_.dimension, bytes_);
    const InSearch room(rooms_);
    const uint32_t size = size_.load(std::memory_order_acquire);
    const uint32_t built = built_.load(std::memory_order_acquire);
    std::vector<Best> bests(std::max<size_t>(1, threads), Best(count));
    if (graph_ != nullptr && built > 0) {
      auto walked = graph_->searchKnn(query.record, std::max(width, count));
      for (; !walked.empty(); walked.pop()) {
        const size_t label = walked.top().second;
        if (label >= gone || isDead(label)) continue;
        offer(bests[0], query, label, 1 - walked.top().first);
      }
    }
    const uint32_t share = (size - built) / bests.size() + 1;
    auto part = [&](size_t i) {
      const uint32_t from = std::min<uint64_t>(size, built + uint64_t(i) * share);
      scan(bests[i], query, from, std::min<uint64_t>(size, uint64_t(from) + share));
    };
    std::vector<std::thread> others;
    for (size_t i = 1; i < bests.size(); i++) others.emplace_back(part, i);
    part(0);
    for (auto& other : others) other.join();
    for (size_t i = 1; i < bests.size(); i++)
      for (const Found& found : bests[i].items) bests[0].offer(found);
    return bests[0].sorted();
  }

  /** Among these numbers alone, in rising order; unknown ones are passed over. Exactly, where the floats are kept. */
  std::vector<Found> searchAmong(const float* vector, size_t count, const double* numbers, size_t many) {
    const Query query(vector, settings_.dimension, bytes_);
    const InSearch room(rooms_);
    Best best(count);
    const uint32_t built = built_.load(std::memory_order_acquire);
    for (size_t i = 0; i < many; i++) {
      const int64_t slot = slotOf(numbers[i]);
      if (slot < 0 || isDead(slot)) continue;
      if (settings_.keepsFloats) best.offer({static_cast<uint32_t>(slot), product(vector, floatsOf(slot), settings_.dimension)});
      else if (const int8_t* codes = codesOf(slot, built)) best.offer({static_cast<uint32_t>(slot), likeness(query.record, codes, padded_)});
    }
    return best.sorted();
  }

  /** Moves waiting vectors into the graph for about `budgetMs`. True while there are more. */
  bool build(size_t threads, double budgetMs) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double, std::milli>(budgetMs);
    tidy();
    while (std::chrono::steady_clock::now() < until) {
      const uint32_t from = built_.load(), to = std::min(size_.load(std::memory_order_acquire), from + static_cast<uint32_t>(batch * threads));
      if (from == to) return false;
      makeRoom();
      std::vector<std::string> failures(threads);
      // Each thread has a part of its own: faces of one person lie next to each other, and two that are inserted at the same
      // moment do not find each other. By turns, recall of the first five was .991 in place of .998.
      const uint32_t share = (to - from + threads - 1) / threads;
      auto insert = [&](size_t i) {
        try {
          const uint32_t begin = std::min<uint64_t>(to, from + uint64_t(i) * share), end = std::min<uint64_t>(to, uint64_t(begin) + share);
          Turns turns;
          for (uint32_t slot = begin; slot < end; slot++) {
            insertOne(slot);
            turns.giveWay();
          }
        } catch (const std::exception& error) {
          failures[i] = error.what();
        }
      };
      std::vector<std::thread> others;
      for (size_t i = 1; i < threads; i++) {
        others.emplace_back([&insert, i] {
          yieldToOthers();
          insert(i);
        });
      }
      insert(0);
      for (auto& other : others) other.join();
      for (const auto& failure : failures)
        if (!failure.empty()) throw std::runtime_error(failure);
      built_.store(to, std::memory_order_release);
      forgetRecords(from, to);
    }
    tidy();
    return built_.load() < size_.load();
  }

  /** Overwrites what was removed, so that memory does not keep it. */
  void tidy() {
    std::vector<uint32_t> slots;
    {
      std::lock_guard<std::mutex> lock(unwipedLock_);
      slots.swap(unwiped_);
    }
    for (const uint32_t slot : slots) {
      const InInsert room(rooms_);
      if (settings_.keepsFloats) memset(floatsOf(slot), 0, settings_.dimension * sizeof(float));
      if (slot >= built_.load()) memset(recordOf(slot), 0, bytes_);
      else if (graph_ != nullptr && graph_->label_lookup_.count(slot) > 0) {
        graph_->markDelete(slot);
        overwrite(graph_->label_lookup_[slot]);
      }
    }
  }

  /** Background threads get a third of what others get where both want the processor: little, and never nothing. */
  static void yieldToOthers() { setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 5); }

  std::vector<uint8_t> saveLinks();
  /** Empty when all went well; else why the bytes do not fit these vectors, and nothing has changed. */
  std::string loadLinks(const uint8_t* bytes, size_t length);

 private:
  static constexpr uint32_t chunkSlots = 1024;
  static constexpr size_t chunksMax = 65536;
  static constexpr uint32_t batch = 256;
  /** Labels from here on belong to nodes whose face is gone: they lead searches on and are never found. */
  static constexpr size_t gone = size_t(1) << 40;

  struct Chunk {
    Chunk(const Settings& settings, size_t bytes)
        : numbers(new double[chunkSlots]), records(new int8_t[chunkSlots * bytes]), dead(new std::atomic<uint8_t>[chunkSlots]()) {
      if (settings.keepsFloats) floats.reset(new float[chunkSlots * settings.dimension]);
    }
    std::unique_ptr<double[]> numbers;
    std::unique_ptr<int8_t[]> records;
    std::unique_ptr<float[]> floats;
    std::unique_ptr<std::atomic<uint8_t>[]> dead;
  };

  struct Query {
    Query(const float* vector, size_t dimension, size_t bytes) : floats(vector), buffer(bytes) {
      record = buffer.data();
      encode(vector, dimension, record);
      float square = 0;
      for (size_t i = 0; i < dimension; i++) square += vector[i] * vector[i];
      length = std::sqrt(square);
      error = tailOf(record, paddedLength(dimension)).error;
    }
    const float* floats;
    std::vector<int8_t> buffer;
    int8_t* record;
    float length, error;
  };

  /** The `count` best of what it is offered. */
  struct Best {
    explicit Best(size_t count) : count(std::max<size_t>(1, count)) {}
    static bool better(const Found& a, const Found& b) { return a.similarity > b.similarity; }
    float floor() const { return items.size() < count ? -std::numeric_limits<float>::infinity() : items.front().similarity; }
    void offer(const Found& found) {
      if (found.similarity <= floor()) return;
      // While a batch is inserted its vectors are met twice: in the graph and in the scan.
      for (const Found& present : items)
        if (present.slot == found.slot) return;
      if (items.size() == count) {
        std::pop_heap(items.begin(), items.end(), better);
        items.pop_back();
      }
      items.push_back(found);
      std::push_heap(items.begin(), items.end(), better);
    }
    std::vector<Found> sorted() {
      std::sort(items.begin(), items.end(), better);
      return std::move(items);
    }
    size_t count;
    std::vector<Found> items;
  };

  Chunk& chunkOf(uint32_t slot) const { return *chunks_[slot / chunkSlots]; }
  bool isDead(uint32_t slot) const { return chunkOf(slot).dead[slot % chunkSlots].load(std::memory_order_acquire) != 0; }
  int8_t* recordOf(uint32_t slot) const { return chunkOf(slot).records.get() + (slot % chunkSlots) * bytes_; }
  float* floatsOf(uint32_t slot) const { return chunkOf(slot).floats.get() + (slot % chunkSlots) * settings_.dimension; }

  int64_t slotOf(double number) const {
    int64_t low = 0, high = int64_t(size_.load(std::memory_order_acquire)) - 1;
    while (low <= high) {
      const int64_t middle = (low + high) / 2;
      const double there = numberOf(middle);
      if (there == number) return middle;
      if (there < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Of a vector that may have moved into the graph; nothing where it left it again. To be called in a search's room. */
  const int8_t* codesOf(uint32_t slot, uint32_t built) const {
    if (slot >= built || graph_ == nullptr) return recordOf(slot);
    const auto node = graph_->label_lookup_.find(slot);
    return node == graph_->label_lookup_.end() ? nullptr : reinterpret_cast<const int8_t*>(graph_->getDataByInternalId(node->second));
  }

  void offer(Best& best, const Query& query, uint32_t slot, float similarity) const {
    if (settings_.keepsFloats) similarity = product(query.floats, floatsOf(slot), settings_.dimension);
    best.offer({slot, similarity});
  }

  /** Nothing is missed: what the codes leave out is known for each vector, and whatever could still be among the best is compared with floats. */
  void scan(Best& best, const Query& query, uint32_t from, uint32_t to) const {
    const Tail asked = tailOf(query.record, padded_);
    for (uint32_t slot = from; slot < to;) {
      const Chunk& chunk = chunkOf(slot);
      const uint32_t end = std::min(to, (slot / chunkSlots + 1) * chunkSlots);
      const int8_t* record = chunk.records.get() + (slot % chunkSlots) * bytes_;
      for (; slot < end; slot++, record += bytes_) {
        const Tail tail = tailOf(record, padded_);
        const float coded = asked.scale * tail.scale * static_cast<float>(codeProduct(query.record, record, padded_));
        const float unsure = settings_.keepsFloats ? query.length * tail.error + query.error * (1 + tail.error) + rounding : 0;
        if (coded + unsure <= best.floor() || chunk.dead[slot % chunkSlots].load(std::memory_order_relaxed) != 0) continue;
        offer(best, query, slot, coded);
      }
    }
  }

  /**
   * A node whose face is gone still leads searches on, from a place that is its neighbours' mean and nobody's: zeros would cost
   * recall (.94 in place of .98 with every other node removed), and one neighbour's codes would outlive that neighbour.
   */
  void overwrite(hnswlib::tableint id) {
    std::vector<float> mean(settings_.dimension, 0);
    auto* list = graph_->get_linklist0(id);
    const auto* neighbours = reinterpret_cast<hnswlib::tableint*>(list + 1);
    uint32_t used = 0;
    for (uint16_t i = 0, many = graph_->getListCount(list); i < many; i++) {
      if (graph_->isMarkedDeleted(neighbours[i])) continue;
      const auto* record = reinterpret_cast<int8_t*>(graph_->getDataByInternalId(neighbours[i]));
      const float scale = tailOf(record, padded_).scale;
      for (size_t at = 0; at < settings_.dimension; at++) mean[at] += scale * record[at];
      used++;
    }
    auto* own = reinterpret_cast<int8_t*>(graph_->getDataByInternalId(id));
    float square = 0;
    for (const float part : mean) square += part * part;
    // Of one alone the mean is that one.
    if (used < overwriteFrom || square == 0) {
      memset(own, 0, bytes_);
      return;
    }
    const float length = std::sqrt(square);
    for (float& part : mean) part /= length;
    encode(mean.data(), settings_.dimension, own);
  }

  void insertOne(uint32_t slot) {
    const InInsert room(rooms_);
    if (isDead(slot)) return;
    graph_->addPoint(recordOf(slot), slot);
  }

  /** In large steps, for each one is a pause; memory that nobody touches costs nothing. */
  void makeRoom() {
    if (graph_ == nullptr) {
      auto fresh = std::make_unique<Graph>(&space_, std::max<size_t>(size_.load() + size_.load() / 4, roomMin), settings_.links, settings_.buildWidth);
      const InInsert room(rooms_);
      graph_ = std::move(fresh);
    }
    const size_t needed = graph_->getCurrentElementCount() + batch * 64;
    if (needed <= graph_->getMaxElements()) return;
    const InInsert room(rooms_);
    graph_->resizeIndex(std::max<size_t>(needed, graph_->getMaxElements() + graph_->getMaxElements() / 2));
  }

  /** The graph has copies of its own now. */
  void forgetRecords(uint32_t from, uint32_t to) {
    for (uint32_t chunk = from / chunkSlots; (chunk + 1) * chunkSlots <= to; chunk++) {
      const InInsert room(rooms_);
      chunks_[chunk]->records.reset();
    }
  }

  static constexpr size_t roomMin = 16384;
  static constexpr uint32_t overwriteFrom = 3;
  /** Of sums of some hundred floats. */
  static constexpr float rounding = 1e-5f;

  const Settings settings_;
  const size_t bytes_, padded_;
  RecordSpace space_;
  Chunk** const chunks_;
  std::atomic<uint32_t> size_{0}, built_{0}, dead_{0}, gone_{0};
  std::unique_ptr<Graph> graph_;
  Rooms rooms_;
  std::mutex unwipedLock_;
  std::vector<uint32_t> unwiped_;
};

}  // namespace gatehouse
