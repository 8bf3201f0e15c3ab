// Learning steps on minibatches of one draw, several in one call.

#include "climb.h"
#include "surrogate.h"

using namespace bnpo;

namespace {

// What the baseline of an advantage is before the critic's step: Q where the samples acted.
void baseline(const Plan &p, bool behaviour, Int start, Scratch &s, Int length) {
    const Int R = p.draw.rewards;
    if (!behaviour) {  // the critic was not asked there
        samples(p, 1, start, s, length);
        for (Int e = 0; e < p.critic.members; ++e)
            reduce(p, e, R,
                   values(p.critic, s.critic[e], p.batch, s.x.data(), length, s.traces[e], s.spare),
                   s.total);
    }
    sum_rewards(p, s.total, R, s.baseline);
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
        const Int start = p.first + step * p.batch;
        const Perceptron &target = p.target_actors[step].net;
        if (step == 0 || target.parameters != p.target_actors[step - 1].net.parameters)
            s.target_actor.take(target, 0, false);
        targets(p, step, start, s, length);
        const bool behaviour = samples(p, p.regress, start, s, length);
        regress(p, step, start, s, length);
        const bool climbs = !p.holds_actor && (p.number + step) % p.every == 0;
        if (climbs && p.surrogate) baseline(p, behaviour, start, s, length);
        tell(p, CRITIC_NORM, step, descend(p.critic_adam));
        for (Int e = 0; e < E; ++e) s.critic[e].take(p.critic, e, true);
        if (!climbs) continue;
        (p.surrogate ? surrogate : climb)(p, step, start, s, length);
        tell(p, ACTOR_NORM, step, descend(p.actor_adam));
        tell(p, CLIMBED, step, 1);
        s.actor.take(p.actor.net, 0, true);
    }
}
