// Perceptrons of a few layers on a minibatch: forward, and gradients in closed form.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "products.h"

namespace bnpo {

// Numbers or parts of scratch, which grow where they must; what is new is zero, and what was there
// before is lost then. Leaner than std::vector, of which a compiler makes a quarter of its work.
template <class Part>
class Array {
  public:
    Array() = default;
    Array(const Array &) = delete;
    Array &operator=(const Array &) = delete;
    ~Array() { delete[] first; }

    ONCE void resize(Int size) {
        count = size;
        if (size <= room) return;
        delete[] first;
        first = new Part[size]();
        room = size;
    }
    void zero(Int size) {
        resize(size);
        std::fill_n(first, size, Part());
    }
    void swap(Array &other) {
        std::swap(first, other.first), std::swap(count, other.count), std::swap(room, other.room);
    }
    Int size() const { return count; }
    Part *data() { return first; }
    const Part *data() const { return first; }
    Part *begin() { return first; }
    Part *end() { return first + count; }
    Part &operator[](Int i) { return first[i]; }
    const Part &operator[](Int i) const { return first[i]; }

  private:
    Part *first = nullptr;
    Int count = 0, room = 0;
};

using Buffer = Array<real>;

// Layers of a perceptron, as Python describes them.
struct Perceptron {
    Int depth;           // linear layers
    const Int *widths;   // [depth + 1]
    Int members;         // of an ensemble: weights [E, ...]
    Int by_output;       // weights lie as [out, in], as nn.Linear has them, else [in, out]
    Int normalised;      // every hidden layer is normalised before it is rectified
    real **parameters;   // [2 depth], weight and bias of each layer

    Int in(Int layer) const { return widths[layer]; }
    Int out(Int layer) const { return widths[layer + 1]; }
    const real *weight(Int layer, Int member) const {
        return parameters[2 * layer] + member * in(layer) * out(layer);
    }
    const real *bias(Int layer, Int member) const {
        return parameters[2 * layer + 1] + member * out(layer);
    }
};

// A matrix by rows of whole vectors, as the right side of a product: copied only where it must be.
struct Side {
    const real *at = nullptr;
    Int row = 0;

    void take(const real *from, Int rows, Int columns, bool turn) {
        at = from, row = columns;
        if (!turn && columns == padded(columns)) return;
        row = padded(columns);
        room.resize(rows * row);
        at = room.data();
        if (turn)
            turned(from, rows, columns);
        else
            for (Int r = 0; r < rows; ++r)
                std::copy_n(from + r * columns, columns, room.data() + r * row);
    }

  private:
    Buffer room;

    // The transpose of [columns, rows], in tiles that stay in the first cache.
    void turned(const real *from, Int rows, Int columns) {
        constexpr Int TILE = 16;
        real tile[TILE][TILE + 1];
        for (Int r = 0; r < rows; r += TILE)
            for (Int c = 0; c < columns; c += TILE) {
                const Int high = std::min(TILE, rows - r), wide = std::min(TILE, columns - c);
                for (Int j = 0; j < wide; ++j)
                    for (Int i = 0; i < high; ++i) tile[i][j] = from[(c + j) * rows + r + i];
                for (Int i = 0; i < high; ++i)
                    std::copy_n(tile[i], wide, room.data() + (r + i) * row + c);
            }
    }
};

// Weights of one member as products read them: of the moment when they were taken.
struct Weights {
    Array<Side> down, up, bias;  // [in, out], [out, in], [out]

    // `upwards`: also what a backward pass reads.
    void take(const Perceptron &net, Int member, bool upwards) {
        down.resize(net.depth), up.resize(net.depth), bias.resize(net.depth);
        for (Int l = 0; l < net.depth; ++l) {
            const real *w = net.weight(l, member);
            down[l].take(w, net.in(l), net.out(l), net.by_output);
            if (upwards) up[l].take(w, net.out(l), net.in(l), !net.by_output);
            bias[l].take(net.bias(l, member), 1, net.out(l), false);
        }
    }
};

// What a forward pass leaves behind.
struct Trace {
    Array<Buffer> inputs;   // of every layer but the first, [B, in padded]
    Array<Buffer> normal;   // the same before it was rectified, where it is normalised
    Array<Buffer> inverse;  // [B], one over the standard deviation there
    Buffer output;                // [B, out padded]
};

constexpr real EPSILON = real(1e-5);  // added to the variance where a layer is normalised

inline void normalise(Int B, Int width, const real *x, real *normal, real *rectified,
                      real *inverse) {
    const Int length = padded(width);
    for (Int b = 0; b < B; ++b, x += length, normal += length, rectified += length) {
        double sum = 0, squares = 0;
        for (Int i = 0; i < width; ++i) sum += x[i];
        const real mean = real(sum / width);
        for (Int i = 0; i < width; ++i) squares += double(x[i] - mean) * (x[i] - mean);
        const real scale = inverse[b] = real(1) / std::sqrt(real(squares / width) + EPSILON);
        for (Int i = 0; i < width; ++i) {
            normal[i] = (x[i] - mean) * scale;
            rectified[i] = std::max(normal[i], real(0));
        }
    }
}

// slope := its gradient by what was normalised.
inline void normalise_backward(Int B, Int width, const real *normal, const real *inverse,
                               real *slope) {
    const Int length = padded(width);
    for (Int b = 0; b < B; ++b, normal += length, slope += length) {
        double sum = 0, along = 0;
        for (Int i = 0; i < width; ++i) sum += slope[i], along += double(slope[i]) * normal[i];
        const real mean = real(sum / width), share = real(along / width);
        for (Int i = 0; i < width; ++i)
            slope[i] = inverse[b] * (slope[i] - mean - normal[i] * share);
    }
}

// Outputs [B, out padded] of inputs x [B, .] in rows of the given length.
inline void forward(const Perceptron &net, const Weights &weights, Int B, const real *x,
                    Int length, Trace &trace, Buffer &spare) {
    trace.inputs.resize(net.depth), trace.normal.resize(net.depth);
    trace.inverse.resize(net.depth);
    for (Int l = 0; l < net.depth; ++l) {
        const Int out = net.out(l), row = padded(out);
        const bool hidden = l + 1 < net.depth, normalised = hidden && net.normalised;
        Buffer &to = normalised ? spare : hidden ? trace.inputs[l + 1] : trace.output;
        to.resize(B * row);
        Finish finish;
        finish.bias = weights.bias[l].at;
        finish.rectify = hidden && !normalised;
        product(B, out, net.in(l), {x, length, 1}, weights.down[l].at, weights.down[l].row,
                to.data(), row, row, finish);
        if (normalised) {
            trace.inputs[l + 1].resize(B * row), trace.normal[l + 1].resize(B * row);
            trace.inverse[l + 1].resize(B);
            normalise(B, out, to.data(), trace.normal[l + 1].data(), trace.inputs[l + 1].data(),
                      trace.inverse[l + 1].data());
        }
        if (hidden) x = trace.inputs[l + 1].data(), length = row;
    }
}

// Sums over the rows of x [B, width padded], padded likewise.
inline void column_sums(Int B, Int width, const real *x, real *sums) {
    const Int length = padded(width);
    for (Int column = 0; column < width; column += COLUMNS) {
        vec sum[VECTORS] = {};
        for (Int b = 0; b < B; ++b)
            for (Int v = 0; v < VECTORS; ++v) sum[v] += load(x + b * length + column + v * LANES);
        std::memcpy(sums + column, sum, std::min(COLUMNS, width - column) * sizeof(real));
    }
}

// Gradients of sum(slope * output): by the parameters of a member, where there are pointers to
// them, and by `columns` columns of the input from `first` on, where there are any.
// `slope` [B, out padded] and `spare` are used up.
inline void backward(const Perceptron &net, const Weights &weights, Int member, Int B,
                     const real *x, Int length, const Trace &trace, Buffer &slope, Buffer &spare,
                     real **gradients, real *by_input, Int first, Int columns) {
    for (Int l = net.depth - 1; l >= 0; --l) {
        const Int in = net.in(l), out = net.out(l), row = padded(out);
        const real *input = l ? trace.inputs[l].data() : x;
        const Int input_row = l ? padded(in) : length;
        if (gradients) {
            real *by_weight = gradients[2 * l] + member * in * out;
            if (net.by_output)
                product(out, in, B, Matrix{slope.data(), row, 1}.transposed(), input, input_row,
                        by_weight, in, in);
            else
                product(in, out, B, Matrix{input, input_row, 1}.transposed(), slope.data(), row,
                        by_weight, out, out);
            column_sums(B, out, slope.data(), gradients[2 * l + 1] + member * out);
        }
        if (l) {
            spare.resize(B * input_row);
            Finish finish;
            finish.open = input, finish.open_row = input_row;
            product(B, in, out, {slope.data(), row, 1}, weights.up[l].at, weights.up[l].row,
                    spare.data(), input_row, input_row, finish);
            if (net.normalised)
                normalise_backward(B, in, trace.normal[l].data(), trace.inverse[l].data(),
                                   spare.data());
            slope.swap(spare);
        } else if (columns) {
            const Int wide = padded(columns);
            Buffer some;
            some.resize(out * wide);
            for (Int o = 0; o < out; ++o)
                std::copy_n(weights.up[0].at + o * weights.up[0].row + first, columns,
                            some.data() + o * wide);
            product(B, columns, out, {slope.data(), row, 1}, some.data(), wide, by_input, wide,
                    wide);
        }
    }
}

#if SINGLE
typedef std::int32_t whole __attribute__((vector_size(BYTES), may_alias));

// Hyperbolic tangent of one vector: a continued fraction near zero, (1 - e) / (1 + e) with
// e = exp(-2 |x|) elsewhere; within two roundings of the right number.
inline vec tangent(vec x) {
    const vec size = x < vec{} ? -x : x;
    const vec z = size > spread(20) ? spread(-40) : real(-2) * size;
    const vec turns = (z * real(1.44269504088896341) + real(12582912)) - real(12582912);
    const vec r = (z - turns * real(0.693359375)) - turns * real(-2.12194440e-4);
    vec e = spread(real(1.0 / 5040));
    for (double term : {720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0}) e = e * r + real(1.0 / term);
    const whole power = (__builtin_convertvector(turns, whole) + 127) << 23;
    e *= reinterpret_cast<const vec &>(power);
    const vec far = (real(1) - e) / (real(1) + e), s = x * x;
    const vec near = x * (real(945) + s * (real(105) + s)) /
                     (real(945) + s * (real(420) + real(15) * s));
    return size < spread(real(0.35)) ? near : x < vec{} ? -far : far;
}

#endif

// x := tanh x, for whole vectors of numbers; what is no number stays so.
inline void squash(Buffer &x) {
#if SINGLE
    for (Int i = 0; i < Int(x.size()); i += LANES) {
        const vec one = load(x.data() + i);
        store(x.data() + i, one == one ? tangent(one) : one);
    }
#else
    for (real &one : x) one = std::tanh(one);
#endif
}

}  // namespace bnpo
