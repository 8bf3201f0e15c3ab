// What one call is told and what it works with: a draw, networks, optimizers, scratch.

#pragma once

#include "adam.h"

namespace bnpo {

// Rows of a draw: a column's first number and the length of its rows.
struct Column {
    const real *at;
    Int row;
    const real *operator[](Int r) const { return at + r * row; }
};

struct Draw {
    Int rows, observations, goals, actions, rewards;
    Column observation, goal, next_observation, next_goal, action, mu, sigma, reward, discount,
        behaviour_log_prob, proximal_log_prob, weight;
    Column sampler_weight;              // at = nullptr: one for all
    const std::uint8_t *relabelled;     // [rows]
    const std::int64_t *order;          // [rows], rows in the order of the minibatches; or nullptr

    Int at(Int number) const { return order ? order[number % rows] : number % rows; }
    real sampled(Int r) const { return sampler_weight.at ? sampler_weight[r][0] : real(1); }
};

struct Actor {
    Perceptron net;
    Int mode;                           // of the scale: 0 fixed, 1 global, 2 by state
    const real *sigma;                  // [A], fixed scale, or the global one's logit
    double log_low, log_range;
    const real *middle, *half_range;    // [A], of the Box
    Int unit_box;
    const real *low, *high;             // [A]
};

struct Plan {
    Draw draw;
    Actor actor, *target_actors;        // [steps]
    Perceptron critic, target_critic;
    Adam actor_adam, critic_adam;
    const real *shift, *scale;          // [O + G], of the normalisation; nullptr: none
    double clip;                        // bound of what is normalised
    double low, high;                   // bounds of y
    double action_l2;
    Int batch, steps, first;            // first: row of the draw with which the first step begins
    Int point;                          // Q is climbed and bootstrapped at (mu, 0)
    Int regress;                        // 0: at the point of the action, 1: where it acted, 2: auto
    Int least;                          // the ensemble is reduced by its minimum, else its mean
    Int number, every;                  // steps before, critic steps per step of the actor
    Int surrogate;                      // the actor climbs PPO's objective, else Q
    double eps, decouple, max_log_ratio;  // decouple: 0 for none
    Int normalize;                      // advantages
    Int holds_actor;
    real *error;                        // [steps, E, B, R]
    double *scalars;                    // [steps, SCALARS]
};

// What a step tells: the last one says whether the actor moved.
// FIRST and SECOND are those of the objective: q_value, or clip_fraction and approximate_kl.
enum Scalar { LOSS, FIRST, SECOND, CRITIC_NORM, ACTOR_NORM, CLIMBED };

inline void tell(const Plan &p, Scalar what, Int step, double value) {
    p.scalars[step * (CLIMBED + 1) + what] = value;
}

struct Scratch {
    Buffer x, next, mean, raw, sigma, spare, slope, by_input, by_mean, y, total, baseline;
    Array<Weights> critic, target_critic;
    Weights actor, target_actor;
    Array<Trace> traces;
    Trace actor_trace, target_trace;
};

inline real clamp(real x, double low, double high) {
    return x < real(low) ? real(low) : x > real(high) ? real(high) : x;
}

inline void features(const Plan &p, const real *observation, const real *goal, real *x) {
    const Int O = p.draw.observations, G = p.draw.goals;
    std::copy_n(observation, O, x);
    std::copy_n(goal, G, x + O);
    if (!p.scale) return;
    const real bound = real(p.clip);
    for (Int i = 0; i < O + G; ++i) {
        const real z = p.shift[i] + x[i] * p.scale[i];
        x[i] = z < -bound ? -bound : z > bound ? bound : z;
    }
}

// What an actor says at features x: tanh, and mean and scale as the critic sees them, into x.
inline void act(const Plan &p, const Actor &actor, const Weights &weights, real *x, Int length,
         Trace &trace, Scratch &s) {
    const Perceptron &net = actor.net;
    const Int B = p.batch, A = p.draw.actions, F = p.draw.observations + p.draw.goals;
    forward(net, weights, B, x, length, trace, s.spare);
    const Int row = padded(net.out(net.depth - 1));
    s.raw.resize((B * A + LANES - 1) / LANES * LANES);
    for (Int b = 0; b < B; ++b)
        std::copy_n(trace.output.data() + b * row, A, s.raw.data() + b * A);
    s.mean.resize(s.raw.size());
    std::copy_n(s.raw.data(), s.raw.size(), s.mean.data());
    squash(s.mean);
    s.sigma.resize(B * A);
    for (Int b = 0; b < B; ++b) {
        real *mean = x + b * length + F, *scale = mean + A;
        for (Int a = 0; a < A; ++a) {
            mean[a] = s.mean[b * A + a];
            if (!actor.unit_box)  // to the action's units and back, as the networks do
                mean[a] = ((actor.middle[a] + actor.half_range[a] * mean[a]) - actor.middle[a]) /
                          actor.half_range[a];
            scale[a] = 0;
            if (p.point && !p.surrogate) continue;
            real &sigma = s.sigma[b * A + a];
            if (actor.mode == 0) {
                sigma = actor.sigma[a];
            } else {
                real logit = actor.sigma[a];
                if (actor.mode == 2) logit += trace.output[b * row + A + a];
                const real share = real(1) / (real(1) + std::exp(-logit));
                sigma = std::exp(real(actor.log_low) + real(actor.log_range) * share);
                if (!actor.unit_box) sigma *= actor.half_range[a];
            }
            if (!p.point) scale[a] = actor.unit_box ? sigma : sigma / actor.half_range[a];
        }
    }
}

inline real *values(const Perceptron &net, const Weights &w, Int B, const real *x, Int length,
             Trace &trace, Buffer &spare) {
    forward(net, w, B, x, length, trace, spare);
    return trace.output.data();
}

}  // namespace bnpo
