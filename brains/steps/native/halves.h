// Sides of a product in bfloat16, two numbers to a place, for processors with AVX512-BF16.

#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bnpo {

using Pair = std::int32_t;  // numbers 2k (low half) and 2k + 1 of the index that is summed over

inline __m512i rounded(const real *at) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(at)));
}

// Sides are of scratch that stays: one product at a time.
struct Room {
    Pair *first = nullptr;
    Int size = 0;
    ~Room() { std::free(first); }

    Pair *take(Int pairs) {
        if (pairs > size) {
            std::free(first);
            first = static_cast<Pair *>(std::aligned_alloc(64, (pairs * 4 + 63) / 64 * 64));
            size = pairs;
        }
        return first;
    }
};

// Pairs of rows of [K, N], [K / 2, N padded]; rows are as long as whole vectors.
inline void pair_rows(Int K, Int N, const real *from, Int row, Pair *to) {
    const Int length = padded(N);
    for (Int k = 0; k < K; k += 2, from += 2 * row, to += length)
        for (Int n = 0; n < N; n += LANES) {
            const __m512i low = rounded(from + n), high = rounded(from + row + n);
            _mm512_storeu_si512(to + n, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

// Neighbours in rows of [M, K], [M, K / 2]; rows are as long as whole vectors.
inline void pair_columns(Int M, Int K, const real *from, Int row, Pair *to) {
    for (Int m = 0; m < M; ++m, from += row, to += K / 2)
        for (Int k = 0; k < K; k += LANES) {
            const __m256i sixteen = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + k));
            const Int left = (K - k) / 2;
            _mm256_mask_storeu_epi32(to + k / 2, left >= 8 ? 255 : (1 << left) - 1, sixteen);
        }
}

// Terms of a product whose sides are pairs.
struct Halves {
    Int pairs;
    const Pair *a;
    Int a_row, a_column;
    const Pair *b;
    Int b_row;

    template <int rows, int vectors>
    ALWAYS void add(vec (&sum)[rows][vectors], Int row, Int column) const {
        const Pair *left = a + row * a_row, *right = b + column;
        for (Int k = 0; k < pairs; ++k, left += a_column, right += b_row) {
            __m512bh across[vectors];
            UNROLLED for (int v = 0; v < vectors; ++v)
                across[v] = (__m512bh)_mm512_loadu_si512(right + v * LANES);
            UNROLLED for (int r = 0; r < rows; ++r) {
                const __m512bh down = (__m512bh)_mm512_set1_epi32(left[r * a_row]);
                UNROLLED for (int v = 0; v < vectors; ++v)
                    sum[r][v] = (vec)_mm512_dpbf16_ps((__m512)sum[r][v], down, across[v]);
            }
        }
    }
};

// Whether a product is wide enough that rounding its sides pays.
inline bool pays(Int M, Int N, Int K, const Matrix &a) {
    return K % 2 == 0 && K >= 64 && N >= 64 && M >= ROWS && (a.column == 1 || a.row == 1);
}

inline Halves halved(Int M, Int N, Int K, const Matrix &a, const real *b, Int b_row) {
    static thread_local Room left, right;
    Halves terms{K / 2, nullptr, K / 2, 1, nullptr, padded(N)};
    Pair *to = right.take(K / 2 * padded(N));
    pair_rows(K, N, b, b_row, to);
    terms.b = to;
    if (a.column == 1) {
        to = left.take(M * (K / 2));
        pair_columns(M, K, a.at, a.row, to);
    } else {  // by columns of A, which lie together
        to = left.take(K / 2 * padded(M));
        pair_rows(K, M, a.at, a.column, to);
        terms.a_row = 1, terms.a_column = padded(M);
    }
    terms.a = to;
    return terms;
}

}  // namespace bnpo
