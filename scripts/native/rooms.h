// Searches and insertions of one graph never meet: hnswlib runs many of either at a time, but not both kinds.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace gatehouse {

/**
 * Searches go first. An insertion enters when nobody searches or waits to; one that has let `patience` searches pass asks the next
 * to let it in, so a search waits for one insertion now and then, and for no more. Counted, not timed: clocks jump.
 */
class Rooms {
 public:
  void enterSearch() {
    std::unique_lock<std::mutex> lock(mutex_);
    waiting_++;
    changed_.wait(lock, [this] { return inserting_ == 0 && impatient_ == 0; });
    waiting_--;
    searching_++;
    searches_++;
  }
  void leaveSearch() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--searching_ == 0 || insertionsWaiting_ > 0) changed_.notify_all();
  }
  void enterInsert() {
    std::unique_lock<std::mutex> lock(mutex_);
    const uint64_t before = searches_;
    insertionsWaiting_++;
    changed_.wait(lock, [&] { return (searching_ == 0 && waiting_ == 0) || searches_ - before >= patience; });
    impatient_++;
    changed_.wait(lock, [this] { return searching_ == 0; });
    impatient_--;
    insertionsWaiting_--;
    inserting_++;
  }
  void leaveInsert() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (--inserting_ == 0) changed_.notify_all();
  }

 private:
  static constexpr uint64_t patience = 16;
  std::mutex mutex_;
  std::condition_variable changed_;
  int searching_ = 0, inserting_ = 0, waiting_ = 0, impatient_ = 0, insertionsWaiting_ = 0;
  uint64_t searches_ = 0;
};

struct InSearch {
  explicit InSearch(Rooms& rooms) : rooms(rooms) { rooms.enterSearch(); }
  ~InSearch() { rooms.leaveSearch(); }
  Rooms& rooms;
};

struct InInsert {
  explicit InInsert(Rooms& rooms) : rooms(rooms) { rooms.enterInsert(); }
  ~InInsert() { rooms.leaveInsert(); }
  Rooms& rooms;
};

}  // namespace gatehouse
