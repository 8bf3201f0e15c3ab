// The actor's gradient up Q along its mean (DDPG).

#pragma once

#include "regress.h"

namespace bnpo {

inline void climb(Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, row = padded(R), E = p.critic.members, A = d.actions;
    const Int F = d.observations + d.goals, wide = padded(A);
    act(p, p.actor, s.actor, s.x.data(), length, s.actor_trace, s);
    s.total.zero(B * R);
    for (Int e = 0; e < E; ++e) {
        const real *q =
            values(p.critic, s.critic[e], B, s.x.data(), length, s.traces[e], s.spare);
        reduce(p, e, R, q, s.total);
    }
    sum_rewards(p, s.total, R, s.baseline);
    double q_value = 0;
    for (real one : s.baseline) q_value += one;
    tell(p, FIRST, step, q_value / double(B));
    s.by_mean.zero(B * A);
    for (Int e = 0; e < E; ++e) {
        s.slope.zero(B * row);
        for (Int b = 0; b < B; ++b) {
            const real weight = d.sampled(d.at(start + b));
            for (Int i = 0; i < R; ++i) {
                real part = E == 1 ? real(1) : real(1) / real(E);
                if (p.least && E > 1) {  // members that share the minimum share the slope
                    Int ties = 0;
                    for (Int o = 0; o < E; ++o)
                        ties += s.traces[o].output[b * row + i] == s.total[b * R + i];
                    part = s.traces[e].output[b * row + i] == s.total[b * R + i]
                               ? real(1) / real(ties) : real(0);
                }
                s.slope[b * row + i] = -part * weight / real(B);
            }
        }
        s.by_input.resize(B * wide);
        backward(p.critic, s.critic[e], e, B, s.x.data(), length, s.traces[e], s.slope, s.spare,
                 nullptr, s.by_input.data(), F, A);
        for (Int b = 0; b < B; ++b)
            for (Int a = 0; a < A; ++a) s.by_mean[b * A + a] += s.by_input[b * wide + a];
    }
    const Int outputs = padded(p.actor.net.out(p.actor.net.depth - 1));
    s.slope.zero(B * outputs);
    for (Int b = 0; b < B; ++b) {
        const real weight = d.sampled(d.at(start + b));
        const real pull = real(p.action_l2) * weight / real(B) / real(A);
        for (Int a = 0; a < A; ++a) {  // the Box cancels: by the critic's units, in the actor's
            const real squashed = s.mean[b * A + a];
            s.slope[b * outputs + a] = s.by_mean[b * A + a] * (real(1) - squashed * squashed) +
                                       pull * (real(2) * s.raw[b * A + a]);
        }
    }
    backward(p.actor.net, s.actor, 0, B, s.x.data(), length, s.actor_trace, s.slope, s.spare,
             p.actor_adam.gradients, nullptr, 0, 0);
}

}  // namespace bnpo
