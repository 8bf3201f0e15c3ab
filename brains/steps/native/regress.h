// The critic's gradient to TD targets.

#pragma once

#include "plan.h"

namespace bnpo {

// Adds a member's values [B, R] to what the ensemble says of each, its minimum or sum so far.
inline void reduce(const Plan &p, Int member, Int R, const real *q, Buffer &total) {
    const Int row = padded(R);
    for (Int b = 0; b < p.batch; ++b)
        for (Int i = 0; i < R; ++i) {
            real &so_far = total[b * R + i];
            const real one = q[b * row + i];
            so_far = member == 0 ? one : p.least ? std::min(so_far, one) : so_far + one;
        }
}

// Q at x, reduced and summed over rewards, [B].
inline void sum_rewards(const Plan &p, const Buffer &total, Int R, Buffer &value) {
    const real share = p.least ? real(1) : real(1) / real(p.critic.members);
    value.zero(p.batch);
    for (Int b = 0; b < p.batch; ++b)
        for (Int i = 0; i < R; ++i) value[b] += share * total[b * R + i];
}

// y of every sample, [B, R].
inline void targets(const Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, E = p.critic.members;
    for (Int b = 0; b < B; ++b) {
        const Int r = d.at(start + b);
        features(p, d.next_observation[r], d.next_goal[r], s.next.data() + b * length);
    }
    act(p, p.target_actors[step], s.target_actor, s.next.data(), length, s.target_trace, s);
    s.y.zero(B * R);
    for (Int e = 0; e < E; ++e) {
        const real *q = values(p.target_critic, s.target_critic[e], B, s.next.data(), length,
                               s.target_trace, s.spare);
        reduce(p, e, R, q, s.y);
    }
    for (Int b = 0; b < B; ++b) {
        const Int r = d.at(start + b);
        for (Int i = 0; i < R; ++i) {
            real next = s.y[b * R + i];
            if (!p.least && E > 1) next /= real(E);
            s.y[b * R + i] = clamp(d.reward[r][i] + d.discount[r][0] * next, p.low, p.high);
        }
    }
}

// Features of the samples and where their outcome is evidence of Q, into x. Returns whether that is
// where they acted.
inline bool samples(const Plan &p, Int point, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int A = d.actions, F = d.observations + d.goals;
    bool behaviour = true;
    for (Int b = 0; b < p.batch; ++b) {
        const Int r = d.at(start + b);
        real *x = s.x.data() + b * length, *mean = x + F, *scale = mean + A;
        features(p, d.observation[r], d.goal[r], x);
        const bool acted = point == 0 || (point == 2 && d.relabelled[r]);
        behaviour = behaviour && !acted;
        for (Int a = 0; a < A; ++a) {
            mean[a] = acted ? clamp(d.action[r][a], p.actor.low[a], p.actor.high[a]) : d.mu[r][a];
            scale[a] = acted ? real(0) : d.sigma[r][a];
            if (p.actor.unit_box) continue;
            mean[a] = (mean[a] - p.actor.middle[a]) / p.actor.half_range[a];
            scale[a] /= p.actor.half_range[a];
        }
    }
    return behaviour;
}

inline void regress(Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, row = padded(R), E = p.critic.members;
    const real share = real(1) / real(B);
    double loss = 0;
    s.total.resize(B * R);
    for (Int e = 0; e < E; ++e) {
        const real *q =
            values(p.critic, s.critic[e], B, s.x.data(), length, s.traces[e], s.spare);
        reduce(p, e, R, q, s.total);
        real *error = p.error + (step * E + e) * B * R;
        s.slope.zero(B * row);
        for (Int b = 0; b < B; ++b) {
            const real weight = d.sampled(d.at(start + b));
            for (Int i = 0; i < R; ++i) {
                const real one = error[b * R + i] = s.y[b * R + i] - q[b * row + i];
                loss += double(one) * (one * weight);
                s.slope[b * row + i] = -share * (one * weight);
            }
        }
        backward(p.critic, s.critic[e], e, B, s.x.data(), length, s.traces[e], s.slope, s.spare,
                 p.critic_adam.gradients, nullptr, 0, 0);
    }
    tell(p, LOSS, step, 0.5 / double(B) * loss);
}

}  // namespace bnpo
