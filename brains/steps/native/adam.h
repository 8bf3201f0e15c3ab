// Adam (Kingma and Ba 2015) on the parameters of a network, with a bound on the gradient's norm.

#pragma once

#include "perceptron.h"

namespace bnpo {

struct Adam {
    Int count;                  // tensors
    const Int *sizes;           // [count]
    real **parameters, **gradients, **means, **squares;  // [count]
    double taken;               // steps so far
    double lr, beta1, beta2, epsilon;
    double clip;                // bound on the norm; 0: none
};

// Norm of all gradients together.
inline double norm_of(const Adam &adam) {
    double total = 0;
    for (Int t = 0; t < adam.count; ++t) {
        real sum = 0, part[16] = {};
        const real *g = adam.gradients[t];
        Int i = 0;
        for (; i + 16 <= adam.sizes[t]; i += 16)
            for (Int j = 0; j < 16; ++j) part[j] += g[i + j] * g[i + j];
        for (; i < adam.sizes[t]; ++i) sum += g[i] * g[i];
        for (real one : part) sum += one;
        total += sum;
    }
    return std::sqrt(total);
}

// One step; returns the norm before it was bounded, 0 where nothing bounds it.
inline double descend(Adam &adam) {
    double norm = 0;
    if (adam.clip > 0) {
        norm = norm_of(adam);
        const real share = real(std::min(1.0, adam.clip / (norm + 1e-6)));
        for (Int t = 0; t < adam.count; ++t)
            for (Int i = 0; i < adam.sizes[t]; ++i) adam.gradients[t][i] *= share;
    }
    adam.taken += 1;
    const real length = real(adam.lr / (1 - std::pow(adam.beta1, adam.taken)));
    const real spread = real(std::sqrt(1 - std::pow(adam.beta2, adam.taken)));
    const real fresh = real(1 - adam.beta1), kept = real(adam.beta2);
    const real squared = real(1 - adam.beta2), epsilon = real(adam.epsilon);
    for (Int t = 0; t < adam.count; ++t) {
        real *__restrict p = adam.parameters[t];
        const real *__restrict g = adam.gradients[t];
        real *__restrict m = adam.means[t];
        real *__restrict v = adam.squares[t];
        for (Int i = 0; i < adam.sizes[t]; ++i) {
            m[i] += fresh * (g[i] - m[i]);
            v[i] = kept * v[i] + squared * g[i] * g[i];
            p[i] -= length * m[i] / (std::sqrt(v[i]) / spread + epsilon);
        }
    }
    return norm;
}

}  // namespace bnpo
