// How one vector lies in memory: eight-bit codes with their scale, a quarter of its floats. Searches walk by these; whatever comes
// near is compared again with the floats.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace gatehouse {

/** Behind the codes of a record. `error`: the length of what the codes leave out of the vector. */
struct Tail {
  float scale;
  float error;
};

/** Codes are padded with zeros, so that the loops below need no rest. */
inline size_t paddedLength(size_t dimension) { return (dimension + 31) & ~size_t(31); }
inline size_t recordBytes(size_t dimension) { return paddedLength(dimension) + sizeof(Tail); }

inline Tail tailOf(const int8_t* record, size_t padded) {
  Tail tail;
  memcpy(&tail, record + padded, sizeof tail);
  return tail;
}

/** Codes lie in -127..127: without -128 the products below fit their lanes. */
inline void encode(const float* vector, size_t dimension, int8_t* record) {
  float largest = 0;
  for (size_t i = 0; i < dimension; i++) largest = std::fmax(largest, std::fabs(vector[i]));
  const float scale = largest / 127;
  const float factor = largest > 0 ? 127 / largest : 0;
  const size_t padded = paddedLength(dimension);
  memset(record, 0, padded);
  float left = 0;
  for (size_t i = 0; i < dimension; i++) {
    const float code = std::nearbyint(vector[i] * factor);
    record[i] = static_cast<int8_t>(code);
    const float rest = vector[i] - code * scale;
    left += rest * rest;
  }
  const Tail tail = {scale, std::sqrt(left)};
  memcpy(record + padded, &tail, sizeof tail);
}

inline int32_t codeProduct(const int8_t* a, const int8_t* b, size_t padded) {
#if defined(__AVX2__)
  __m256i sum = _mm256_setzero_si256();
  const __m256i ones = _mm256_set1_epi16(1);
  for (size_t i = 0; i < padded; i += 32) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
    const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
    // The instruction multiplies unsigned by signed, so the signs of x move over to y: |x| · (y with the sign of x).
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
  }
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
#else
  // Compilers make vector code of this for SSE2 and NEON.
  int32_t sum = 0;
  for (size_t i = 0; i < padded; i++) sum += static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]);
  return sum;
#endif
}

inline float product(const float* a, const float* b, size_t dimension) {
#if defined(__AVX2__)
  __m256 first = _mm256_setzero_ps(), second = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 16 <= dimension; i += 16) {
    first = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), first);
    second = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), second);
  }
  const __m256 both = _mm256_add_ps(first, second);
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_shuffle_ps(half, half, 1));
  float sum = _mm_cvtss_f32(half);
  for (; i < dimension; i++) sum += a[i] * b[i];
  return sum;
#else
  float sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= dimension; i += 4)
    for (size_t lane = 0; lane < 4; lane++) sums[lane] += a[i + lane] * b[i + lane];
  for (; i < dimension; i++) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
#endif
}

/** The cosine that two records stand for. */
inline float likeness(const int8_t* a, const int8_t* b, size_t padded) {
  return tailOf(a, padded).scale * tailOf(b, padded).scale * static_cast<float>(codeProduct(a, b, padded));
}

/** What hnswlib calls while it builds and searches. */
inline float distance(const void* a, const void* b, const void* padded) {
  return 1 - likeness(static_cast<const int8_t*>(a), static_cast<const int8_t*>(b), *static_cast<const size_t*>(padded));
}

/** To notice that a stored vector is not the one a graph was built over. Not for secrets. */
inline uint32_t fingerprint(const int8_t* record, size_t bytes) {
  uint64_t hash = 0x9e3779b97f4a7c15ull;
  for (size_t i = 0; i < bytes; i += 8) {
    uint64_t word = 0;
    memcpy(&word, record + i, bytes - i < 8 ? bytes - i : 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdull;
    hash ^= hash >> 32;
  }
  return static_cast<uint32_t>(hash ^ (hash >> 29));
}

}  // namespace gatehouse
