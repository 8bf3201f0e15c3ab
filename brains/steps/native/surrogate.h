// The actor's gradient up the clipped surrogate (PPO).

#pragma once

#include "regress.h"

namespace bnpo {

// Advantages [B] of y over the baseline, scaled where the rule says so, in the baseline's place.
inline void advantages(const Plan &p, Scratch &s) {
    const Int B = p.batch, R = p.draw.rewards;
    double sum = 0, squares = 0;
    for (Int b = 0; b < B; ++b) {
        real y = 0;
        for (Int i = 0; i < R; ++i) y += s.y[b * R + i];
        s.baseline[b] = y - s.baseline[b];
        sum += s.baseline[b];
    }
    if (!p.normalize || B < 2) return;
    const double mean = sum / double(B);
    for (real one : s.baseline) squares += (one - mean) * (one - mean);
    const real scale = real(std::sqrt(squares / double(B - 1))) + real(1e-6);
    for (real &one : s.baseline) one = (one - real(mean)) / scale;
}

inline void surrogate(Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Actor &actor = p.actor;
    const Int B = p.batch, A = d.actions, depth = actor.net.depth;
    const Int outputs = padded(actor.net.out(depth - 1));
    const real half_log_two_pi = real(0.91893853320467274178);
    act(p, actor, s.actor, s.x.data(), length, s.actor_trace, s);
    advantages(p, s);
    real *by_sigma = actor.mode ? p.actor_adam.gradients[2 * depth] : nullptr;
    if (by_sigma) std::fill_n(by_sigma, A, real(0));
    s.slope.zero(B * outputs);
    double clipped = 0, divergence = 0;
    for (Int b = 0; b < B; ++b) {
        const Int r = d.at(start + b);
        real log_prob = real(-A) * half_log_two_pi;
        for (Int a = 0; a < A; ++a) {
            const real t = s.mean[b * A + a], sigma = s.sigma[b * A + a];
            const real mu = actor.unit_box ? t : actor.middle[a] + actor.half_range[a] * t;
            const real z = (d.action[r][a] - mu) / sigma;
            log_prob -= real(0.5) * z * z + std::log(sigma);
        }
        const real proximal = d.proximal_log_prob[r][0], bound = real(p.max_log_ratio);
        const real difference = log_prob - proximal;
        const real log_ratio = clamp(difference, -bound, bound), ratio = std::exp(log_ratio);
        const real low = real(1 - p.eps), high = real(1 + p.eps), advantage = s.baseline[b];
        clipped += std::abs(ratio - real(1)) > real(p.eps);
        divergence += ratio - real(1) - log_ratio;
        const bool inside = ratio >= low && ratio <= high;
        const bool lower = ratio * advantage < clamp(ratio, low, high) * advantage;
        if (!(inside || lower) || std::abs(difference) > bound) continue;
        real weight = d.weight[r][0] * d.sampled(r) / real(B);
        if (p.decouple > 0)
            weight *= std::min(std::exp(proximal - d.behaviour_log_prob[r][0]), real(p.decouple));
        const real by_log_prob = -weight * advantage * ratio;
        for (Int a = 0; a < A; ++a) {
            const real t = s.mean[b * A + a], sigma = s.sigma[b * A + a];
            const real half = actor.unit_box ? real(1) : actor.half_range[a];
            const real mu = actor.unit_box ? t : actor.middle[a] + half * t;
            const real z = (d.action[r][a] - mu) / sigma;
            s.slope[b * outputs + a] = by_log_prob * z / sigma * half * (real(1) - t * t);
            if (!by_sigma) continue;
            real logit = actor.sigma[a];
            if (actor.mode == 2)
                logit += s.actor_trace.output[b * outputs + A + a];
            const real share = real(1) / (real(1) + std::exp(-logit));
            const real by_logit = by_log_prob * (z * z - real(1)) * real(actor.log_range) * share *
                                  (real(1) - share);
            by_sigma[a] += by_logit;
            if (actor.mode == 2) s.slope[b * outputs + A + a] = by_logit;
        }
    }
    tell(p, FIRST, step, clipped / double(B));
    tell(p, SECOND, step, divergence / double(B));
    backward(actor.net, s.actor, 0, B, s.x.data(), length, s.actor_trace, s.slope, s.spare,
             p.actor_adam.gradients, nullptr, 0, 0);
}

}  // namespace bnpo
