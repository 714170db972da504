// Newer C++ headers call this function for `new T[n]` with a wild n; libstdc++ exports it only since GLIBCXX_3.4.29, which
// is newer than our oldest box has. The addon brings its own.
#include <new>

namespace std {
__attribute__((visibility("hidden"))) void __throw_bad_array_new_length() { throw std::bad_array_new_length(); }
}  // namespace std

// Newer libstdc++ asks the C library (2.32) whether there is one thread only, to count references without atomics. There are many.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
