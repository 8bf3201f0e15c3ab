// Learning steps of a critic and of an actor that climbs it along its mean, several in one call.

#include "adam.h"

using namespace bnpo;

namespace {

// Rows of a draw: a column's first number and the length of its rows.
struct Column {
    const real *at;
    Int row;
    const real *operator[](Int r) const { return at + r * row; }
};

struct Draw {
    Int rows, observations, goals, actions, rewards;
    Column observation, goal, next_observation, next_goal, action, mu, sigma, reward, discount,
        weight;                         // weight.at = nullptr: one for all
    const std::uint8_t *relabelled;     // [rows]
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
    Int holds_actor;
    real *error;                        // [steps, E, B, R]
    double *scalars;                    // [SCALARS, steps]
};

// What a step tells: the last one says whether the actor moved.
enum Scalar { LOSS, Q_VALUE, CRITIC_NORM, ACTOR_NORM, CLIMBED };

void tell(const Plan &p, Scalar what, Int step, double value) {
    p.scalars[what * p.steps + step] = value;
}

struct Scratch {
    Buffer x, next, mean, raw, sigma, spare, slope, by_input, by_mean, y, total;
    std::vector<Weights> critic, target_critic;
    Weights actor, target_actor;
    std::vector<Trace> traces;
    Trace actor_trace, target_trace;
    std::vector<Buffer> slopes;
};

real clamp(real x, double low, double high) {
    return x < real(low) ? real(low) : x > real(high) ? real(high) : x;
}

void features(const Plan &p, const real *observation, const real *goal, real *x) {
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
void act(const Plan &p, const Actor &actor, const Weights &weights, real *x, Int length,
         Trace &trace, Scratch &s) {
    const Perceptron &net = actor.net;
    const Int B = p.batch, A = p.draw.actions, F = p.draw.observations + p.draw.goals;
    forward(net, weights, B, x, length, trace, s.spare);
    const Int row = padded(net.out(net.depth - 1));
    s.raw.resize((B * A + LANES - 1) / LANES * LANES);
    for (Int b = 0; b < B; ++b)
        std::copy_n(trace.output.data() + b * row, A, s.raw.data() + b * A);
    s.mean = s.raw;
    squash(s.mean);
    for (Int b = 0; b < B; ++b) {
        real *mean = x + b * length + F, *scale = mean + A;
        for (Int a = 0; a < A; ++a) {
            mean[a] = s.mean[b * A + a];
            if (!actor.unit_box)  // to the action's units and back, as the networks do
                mean[a] = ((actor.middle[a] + actor.half_range[a] * mean[a]) - actor.middle[a]) /
                          actor.half_range[a];
            scale[a] = 0;
            if (p.point) continue;
            if (actor.mode == 0) {
                scale[a] = actor.sigma[a];
            } else {
                real logit = actor.sigma[a];
                if (actor.mode == 2) logit += trace.output[b * row + A + a];
                const real share = real(1) / (real(1) + std::exp(-logit));
                scale[a] = std::exp(real(actor.log_low) + real(actor.log_range) * share);
                if (!actor.unit_box) scale[a] *= actor.half_range[a];
            }
            if (!actor.unit_box) scale[a] /= actor.half_range[a];
        }
    }
}

real *values(const Perceptron &net, const Weights &w, Int B, const real *x, Int length,
             Trace &trace, Buffer &spare) {
    forward(net, w, B, x, length, trace, spare);
    return trace.output.data();
}

// y of every sample, [B, R].
void targets(const Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, row = padded(R), E = p.critic.members;
    for (Int b = 0; b < B; ++b) {
        const Int r = (start + b) % d.rows;
        features(p, d.next_observation[r], d.next_goal[r], s.next.data() + b * length);
    }
    act(p, p.target_actors[step], s.target_actor, s.next.data(), length, s.target_trace, s);
    s.y.assign(B * R, 0);
    for (Int e = 0; e < E; ++e) {
        const real *q = values(p.target_critic, s.target_critic[e], B, s.next.data(), length,
                               s.target_trace, s.spare);
        for (Int b = 0; b < B; ++b)
            for (Int i = 0; i < R; ++i) {
                real &y = s.y[b * R + i];
                const real one = q[b * row + i];
                y = e == 0 ? one : p.least ? std::min(y, one) : y + one;
            }
    }
    for (Int b = 0; b < B; ++b) {
        const Int r = (start + b) % d.rows;
        for (Int i = 0; i < R; ++i) {
            real next = s.y[b * R + i];
            if (!p.least && E > 1) next /= real(E);
            s.y[b * R + i] = clamp(d.reward[r][i] + d.discount[r][0] * next, p.low, p.high);
        }
    }
}

// Features of the samples and where their outcome is evidence of Q, into x.
void samples(const Plan &p, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int A = d.actions, F = d.observations + d.goals;
    for (Int b = 0; b < p.batch; ++b) {
        const Int r = (start + b) % d.rows;
        real *x = s.x.data() + b * length, *mean = x + F, *scale = mean + A;
        features(p, d.observation[r], d.goal[r], x);
        const bool acted = p.regress == 0 || (p.regress == 2 && d.relabelled[r]);
        for (Int a = 0; a < A; ++a) {
            mean[a] = acted ? clamp(d.action[r][a], p.actor.low[a], p.actor.high[a]) : d.mu[r][a];
            scale[a] = acted ? real(0) : d.sigma[r][a];
            if (p.actor.unit_box) continue;
            mean[a] = (mean[a] - p.actor.middle[a]) / p.actor.half_range[a];
            scale[a] /= p.actor.half_range[a];
        }
    }
}

void regress(Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, row = padded(R), E = p.critic.members;
    const real share = real(1) / real(B);
    double loss = 0;
    for (Int e = 0; e < E; ++e) {
        const real *q =
            values(p.critic, s.critic[e], B, s.x.data(), length, s.traces[e], s.spare);
        real *error = p.error + (step * E + e) * B * R;
        s.slope.assign(B * row, 0);
        for (Int b = 0; b < B; ++b) {
            const real weight = d.weight.at ? d.weight[(start + b) % d.rows][0] : real(1);
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
    tell(p, CRITIC_NORM, step, descend(p.critic_adam));
}

void climb(Plan &p, Int step, Int start, Scratch &s, Int length) {
    const Draw &d = p.draw;
    const Int B = p.batch, R = d.rewards, row = padded(R), E = p.critic.members, A = d.actions;
    const Int F = d.observations + d.goals, wide = padded(A);
    act(p, p.actor, s.actor, s.x.data(), length, s.actor_trace, s);
    s.total.assign(B * R, 0);
    for (Int e = 0; e < E; ++e) {
        const real *q =
            values(p.critic, s.critic[e], B, s.x.data(), length, s.traces[e], s.spare);
        for (Int b = 0; b < B; ++b)
            for (Int i = 0; i < R; ++i) {
                real &total = s.total[b * R + i];
                const real one = q[b * row + i];
                total = e == 0 ? one : p.least ? std::min(total, one) : total + one;
            }
    }
    double q_value = 0;
    for (real one : s.total) q_value += p.least || E == 1 ? one : one / real(E);
    tell(p, Q_VALUE, step, q_value / double(B));
    s.by_mean.assign(B * A, 0);
    for (Int e = 0; e < E; ++e) {
        s.slope.assign(B * row, 0);
        for (Int b = 0; b < B; ++b) {
            const real weight = d.weight.at ? d.weight[(start + b) % d.rows][0] : real(1);
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
    s.slope.assign(B * outputs, 0);
    for (Int b = 0; b < B; ++b) {
        const real weight = d.weight.at ? d.weight[(start + b) % d.rows][0] : real(1);
        const real pull = real(p.action_l2) * weight / real(B) / real(A);
        for (Int a = 0; a < A; ++a) {  // the Box cancels: by the critic's units, in the actor's
            const real squashed = s.mean[b * A + a];
            s.slope[b * outputs + a] = s.by_mean[b * A + a] * (real(1) - squashed * squashed) +
                                       pull * (real(2) * s.raw[b * A + a]);
        }
    }
    backward(p.actor.net, s.actor, 0, B, s.x.data(), length, s.actor_trace, s.slope, s.spare,
             p.actor_adam.gradients, nullptr, 0, 0);
    tell(p, ACTOR_NORM, step, descend(p.actor_adam));
    tell(p, CLIMBED, step, 1);
}

}  // namespace

extern "C" void learn(Plan *plan) {
    static thread_local Scratch s;
    Plan &p = *plan;
    const Int E = p.critic.members, length = padded(p.critic.widths[0]);
    std::fill_n(p.scalars, (CLIMBED + 1) * p.steps, 0.0);
    s.x.resize(p.batch * length), s.next.resize(p.batch * length);
    s.critic.resize(E), s.target_critic.resize(E), s.traces.resize(E);
    for (Int e = 0; e < E; ++e) s.target_critic[e].take(p.target_critic, e, false);
    s.actor.take(p.actor.net, 0, true);
    for (Int e = 0; e < E; ++e) s.critic[e].take(p.critic, e, true);
    for (Int step = 0; step < p.steps; ++step) {
        const Int start = (p.first + step * p.batch) % p.draw.rows;
        const Perceptron &target = p.target_actors[step].net;
        if (step == 0 || target.parameters != p.target_actors[step - 1].net.parameters)
            s.target_actor.take(target, 0, false);
        targets(p, step, start, s, length);
        samples(p, start, s, length);
        regress(p, step, start, s, length);
        for (Int e = 0; e < E; ++e) s.critic[e].take(p.critic, e, true);
        if (p.holds_actor || (p.number + step) % p.every) continue;
        climb(p, step, start, s, length);
        s.actor.take(p.actor.net, 0, true);
    }
}
