// A graph without its vectors, as bytes: links, and by which numbers and fingerprints the vectors are to be found again. A stored
// graph gives away nobody's face, and a face that was deleted is in none.
#pragma once

#include "shared-index.h"

namespace gatehouse {

namespace links {

constexpr uint32_t version = 1;

struct Head {
  uint32_t version, dimension, links, count;
  int32_t levelMax;
  uint32_t entry;
};

class Writer {
 public:
  void put(const void* data, size_t length) {
    const auto* from = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + length);
  }
  std::vector<uint8_t> bytes;
};

/** Hands out parts of a buffer; `ok` turns false when more is asked for than there is. */
class Reader {
 public:
  Reader(const uint8_t* bytes, size_t length) : at_(bytes), left_(length) {}
  const uint8_t* take(size_t length) {
    if (length > left_) {
      ok = false;
      return nullptr;
    }
    const uint8_t* here = at_;
    at_ += length;
    left_ -= length;
    return here;
  }
  bool atEnd() const { return left_ == 0; }
  bool ok = true;

 private:
  const uint8_t* at_;
  size_t left_;
};

template <typename T>
T read(const uint8_t* from) {
  T value;
  memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace links

inline std::vector<uint8_t> SharedIndex::saveLinks() {
  const InSearch room(rooms_);
  links::Writer out;
  if (graph_ == nullptr || graph_->getCurrentElementCount() == 0) return out.bytes;
  Graph& graph = *graph_;
  const uint32_t count = graph.getCurrentElementCount();
  const links::Head head = {links::version, static_cast<uint32_t>(settings_.dimension), static_cast<uint32_t>(settings_.links), count, graph.maxlevel_, graph.enterpoint_node_};
  out.bytes.reserve(sizeof head + size_t(count) * (17 + graph.size_links_level0_ + graph.size_links_per_element_ / 8));
  out.put(&head, sizeof head);
  for (uint32_t id = 0; id < count; id++) {
    const size_t label = graph.getExternalLabel(id);
    // Of a face that was removed only the links are kept.
    const bool absent = label >= gone || isDead(label);
    const double number = absent ? 0 : numberOf(label);
    const uint32_t print = absent ? 0 : fingerprint(reinterpret_cast<int8_t*>(graph.getDataByInternalId(id)), bytes_);
    const uint8_t level = graph.element_levels_[id];
    out.put(&number, sizeof number);
    out.put(&print, sizeof print);
    out.put(&level, sizeof level);
    for (int at = 0; at <= level; at++) {
      auto* list = graph.get_linklist_at_level(id, at);
      const uint16_t many = graph.getListCount(list);
      out.put(&many, sizeof many);
      out.put(list + 1, many * sizeof(uint32_t));
    }
  }
  return out.bytes;
}

inline std::string SharedIndex::loadLinks(const uint8_t* bytes, size_t length) {
  if (graph_ != nullptr) return "there is a graph already";
  links::Reader in(bytes, length);
  const uint8_t* headBytes = in.take(sizeof(links::Head));
  if (!in.ok) return "it is too short";
  const auto head = links::read<links::Head>(headBytes);
  if (head.version != links::version || head.dimension != settings_.dimension) return "it is of another version or dimension";
  if (head.links != settings_.links) return "its nodes have another number of links";
  const uint32_t count = head.count, size = size_.load(std::memory_order_acquire);
  if (count == 0 || head.entry >= count || head.levelMax < 0 || head.levelMax > 64 || count > length / 15) return "its head is damaged";
  auto graph = std::make_unique<Graph>(&space_, std::max<size_t>({size + size / 4, count + batch * 64, roomMin}), settings_.links, settings_.buildWidth);
  graph->maxlevel_ = head.levelMax;
  graph->enterpoint_node_ = head.entry;
  std::vector<bool> covered(size, false);
  uint32_t absent = 0, built = 0;
  for (uint32_t id = 0; id < count; id++) {
    const uint8_t* node = in.take(sizeof(double) + sizeof(uint32_t) + 1);
    if (!in.ok) return "it ends within a node";
    const int64_t slot = slotOf(links::read<double>(node));
    const uint8_t level = node[12];
    if (level > head.levelMax || (id == head.entry && level != head.levelMax)) return "a node has an impossible level";
    char* memory = graph->data_level0_memory_ + size_t(id) * graph->size_data_per_element_;
    memset(memory, 0, graph->size_data_per_element_);
    if (level > 0) {
      // Counted from here on, so that an early return frees it.
      graph->linkLists_[id] = static_cast<char*>(calloc(1, graph->size_links_per_element_ * level + 1));
      if (graph->linkLists_[id] == nullptr) throw std::bad_alloc();
    }
    graph->element_levels_[id] = level;
    graph->cur_element_count = id + 1;
    for (int at = 0; at <= level; at++) {
      const uint8_t* manyBytes = in.take(sizeof(uint16_t));
      if (!in.ok) return "it ends within a node";
      const auto many = links::read<uint16_t>(manyBytes);
      if (many > (at == 0 ? graph->maxM0_ : graph->maxM_)) return "a node has too many links";
      const uint8_t* ids = in.take(many * sizeof(uint32_t));
      if (!in.ok) return "it ends within a node";
      for (uint16_t i = 0; i < many; i++)
        if (links::read<uint32_t>(ids + i * sizeof(uint32_t)) >= count) return "a link leads nowhere";
      auto* list = graph->get_linklist_at_level(id, at);
      graph->setListCount(list, many);
      if (many > 0) memcpy(list + 1, ids, many * sizeof(uint32_t));
    }
    size_t label = gone + id;
    if (slot >= 0) {
      if (covered[slot]) return "a face is in it twice";
      if (fingerprint(recordOf(slot), bytes_) != links::read<uint32_t>(node + sizeof(double))) return "a vector is not the one it was built over";
      covered[slot] = true;
      built = std::max<uint32_t>(built, slot + 1);
      memcpy(graph->getDataByInternalId(id), recordOf(slot), bytes_);
      label = slot;
    }
    graph->setExternalLabel(id, label);
    graph->label_lookup_[label] = id;
    if (slot < 0) {
      graph->markDeletedInternal(id);
      absent++;
    }
  }
  if (!in.atEnd()) return "it goes on behind its end";
  for (uint32_t id = 0; id < count; id++)
    for (int at = 1; at <= graph->element_levels_[id]; at++) {
      auto* list = graph->get_linklist_at_level(id, at);
      for (uint16_t i = 0; i < graph->getListCount(list); i++)
        if (graph->element_levels_[reinterpret_cast<uint32_t*>(list + 1)[i]] < at) return "a link leads above its level";
    }
  for (uint32_t slot = 0; slot < built; slot++)
    if (!covered[slot]) return "a face is missing in the middle";
  if (absent * 5 > count) return "too many of its faces have gone";
  {
    const InInsert room(rooms_);
    graph_ = std::move(graph);
    built_.store(built, std::memory_order_release);
  }
  gone_ = absent;
  forgetRecords(0, built);
  return "";
}

}  // namespace gatehouse
