// Building the graph takes what nobody else wants of the processors.
#pragma once

#include <time.h>

#include <chrono>
#include <thread>

namespace gatehouse {

/**
 * A low priority is not enough: whoever wakes up for a moment, after each write to the disk for one, waits until the time slice of
 * the thread that builds is over, which takes milliseconds (Linux 6.6 and later). So a thread that had to wait for its processor
 * leaves it altogether for a while. Where nobody else wants it, that costs a tenth (docs/performance.md).
 */
class Turns {
 public:
  /** Of the calling thread, between two insertions, when it holds nothing that others wait for. */
  void giveWay() {
    const double tookMs = readMs(CLOCK_MONOTONIC) - wallMs_;
    if (tookMs < turnMs) return;
    const double waitedMs = tookMs - (readMs(CLOCK_THREAD_CPUTIME_ID) - processorMs_);
    if (waitedMs > tookMs / 8) std::this_thread::sleep_for(pause);
    wallMs_ = readMs(CLOCK_MONOTONIC);
    processorMs_ = readMs(CLOCK_THREAD_CPUTIME_ID);
  }

 private:
  static constexpr double turnMs = 20;
  static constexpr std::chrono::milliseconds pause{60};
  static double readMs(clockid_t clock) {
    timespec at{};
    clock_gettime(clock, &at);
    return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
  }
  double wallMs_ = readMs(CLOCK_MONOTONIC), processorMs_ = readMs(CLOCK_THREAD_CPUTIME_ID);
};

}  // namespace gatehouse
