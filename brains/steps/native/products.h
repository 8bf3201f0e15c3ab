// Matrix products in registers, for matrices that stay in the caches.
//
// C = A B with C [M, N], A [M, K] by any strides and B [K, N] by rows. A block of ROWS rows and
// VECTORS vectors of C is summed in registers over all of K, in the order of K, so that the same
// numbers come out whatever lies around the block.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#ifndef REAL
#define REAL float
#endif
#ifndef HALVED
#define HALVED 0  // 1: wide products in bfloat16
#endif

namespace bnpo {

using real = REAL;
using Int = std::ptrdiff_t;

#if defined(__AVX512F__)
constexpr Int BYTES = 64, ROWS = 12;
#elif defined(__AVX__)
constexpr Int BYTES = 32, ROWS = 6;
#else
constexpr Int BYTES = 16, ROWS = 6;
#endif
constexpr Int LANES = BYTES / Int(sizeof(real));
constexpr Int VECTORS = 2, COLUMNS = VECTORS * LANES;

typedef real vec __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

inline vec load(const real *at) { return *reinterpret_cast<const vec *>(at); }
inline void store(real *at, vec value) { *reinterpret_cast<vec *>(at) = value; }
inline vec spread(real value) { return vec{} + value; }

// Numbers to the next whole block of columns: rows of scratch are so long.
inline Int padded(Int columns) { return (columns + COLUMNS - 1) / COLUMNS * COLUMNS; }

// A matrix by its strides.
struct Matrix {
    const real *at;
    Int row, column;
    Matrix transposed() const { return {at, column, row}; }
};

// What becomes of a product on its way to memory.
struct Finish {
    const real *bias = nullptr;     // [N padded], added to every row
    bool rectify = false;           // max(0, .)
    const real *open = nullptr;     // [M, .], only where this is above zero, else 0
    Int open_row = 0;
};

// Loops over a block's rows and vectors are unrolled, so that it lies in registers; and it is not
// inlined, so that it is compiled once.
#define UNROLLED _Pragma("GCC unroll 16")
#define ONCE __attribute__((noinline))
#define ALWAYS inline __attribute__((always_inline))

// Terms of a product that a block of C sums up.
struct Singles {
    Int K;
    Matrix a;
    const real *b;
    Int b_row;

    template <int rows, int vectors>
    ALWAYS void add(vec (&sum)[rows][vectors], Int row, Int column) const {
        const real *left = a.at + row * a.row, *right = b + column;
        for (Int k = 0; k < K; ++k, left += a.column, right += b_row) {
            vec across[vectors];
            UNROLLED for (int v = 0; v < vectors; ++v) across[v] = load(right + v * LANES);
            UNROLLED for (int r = 0; r < rows; ++r) {
                vec down = spread(left[r * a.row]);
                UNROLLED for (int v = 0; v < vectors; ++v) sum[r][v] += down * across[v];
            }
        }
    }
};

}  // namespace bnpo

#if HALVED
#include "halves.h"
#endif

namespace bnpo {

template <int rows, int vectors, class Terms>
ONCE void block(const Terms &terms, real *c, Int c_row, Int columns, const Finish &finish, Int row,
                Int column) {
    vec sum[rows][vectors];
    UNROLLED for (int v = 0; v < vectors; ++v) {
        vec first = finish.bias ? load(finish.bias + column + v * LANES) : vec{};
        UNROLLED for (int r = 0; r < rows; ++r) sum[r][v] = first;
    }
    terms.add(sum, row, column);
    if (finish.rectify)
        UNROLLED for (int r = 0; r < rows; ++r)
            UNROLLED for (int v = 0; v < vectors; ++v)
                sum[r][v] = sum[r][v] > vec{} ? sum[r][v] : vec{};
    if (finish.open) {
        const real *open = finish.open + row * finish.open_row + column;
        UNROLLED for (int r = 0; r < rows; ++r)
            UNROLLED for (int v = 0; v < vectors; ++v)
                sum[r][v] = load(open + r * finish.open_row + v * LANES) > vec{} ? sum[r][v]
                                                                                 : vec{};
    }
    real room[rows * vectors * LANES];  // for blocks that are cut at the edge of C
    const Int width = std::min<Int>(columns - column, vectors * LANES);
    const bool whole = width == vectors * LANES;
    real *to = c + row * c_row + column;
    real *at = whole ? to : room;
    const Int length = whole ? c_row : vectors * LANES;
    UNROLLED for (int r = 0; r < rows; ++r)
        UNROLLED for (int v = 0; v < vectors; ++v) store(at + r * length + v * LANES, sum[r][v]);
    if (whole) return;
    for (int r = 0; r < rows; ++r)
        std::memcpy(to + r * c_row, room + r * length, width * sizeof(real));
}

template <int vectors, class Terms>
ONCE void panel(Int M, const Terms &terms, real *c, Int c_row, Int columns, const Finish &finish,
                Int column) {
    Int row = 0;
    for (; row + ROWS <= M; row += ROWS)
        block<ROWS, vectors>(terms, c, c_row, columns, finish, row, column);
    if (row == M) return;
    // What is left over goes with rows that are done already: they get the same numbers again.
    if (M - row > 4 && M >= ROWS)
        block<ROWS, vectors>(terms, c, c_row, columns, finish, M - ROWS, column);
    else if (M >= 4)
        for (; row < M; row += 4)
            block<4, vectors>(terms, c, c_row, columns, finish, std::min(row, M - 4), column);
    else
        for (; row < M; ++row)
            block<1, vectors>(terms, c, c_row, columns, finish, row, column);
}

template <class Terms>
inline void sum_up(Int M, Int N, const Terms &terms, real *c, Int c_row, Int columns,
                   const Finish &finish) {
    for (Int column = 0; column < N; column += COLUMNS) {
        if (N - column > LANES)
            panel<VECTORS>(M, terms, c, c_row, columns, finish, column);
        else
            panel<1>(M, terms, c, c_row, columns, finish, column);
    }
}

// C = A B. Rows of B are as long as a whole number of vectors; `columns` of C's are written.
inline void product(Int M, Int N, Int K, Matrix a, const real *b, Int b_row, real *c,
                    Int c_row, Int columns, const Finish &finish = {}) {
#if HALVED
    if (pays(M, N, K, a))
        return sum_up(M, N, halved(M, N, K, a, b, b_row), c, c_row, columns, finish);
#endif
    sum_up(M, N, Singles{K, a, b, b_row}, c, c_row, columns, finish);
}

}  // namespace bnpo
