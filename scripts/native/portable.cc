// Newer C++ headers call this function for `new T[n]` with a wild n; libstdc++ exports it only since GLIBCXX_3.4.29, which
// is newer than our oldest box has. The addon brings its own.
#include <new>

namespace std {
__attribute__((visibility("hidden"))) void __throw_bad_array_new_length() { throw std::bad_array_new_length(); }
}  // namespace std
