// Draws in proportion to priorities: a tree of sums of 32 children each, up to their total.

#include <cstddef>
#include <cstdint>

namespace {

using Int = std::ptrdiff_t;
constexpr Int SHIFT = TREE_SHIFT, FAN_OUT = 1 << SHIFT, LINE = 8, AHEAD = 16;
constexpr double BELOW_ONE = 1 - 2.220446049250313e-16;

struct Tree {
    Int depth;           // levels, of which the last is the total alone
    const Int *sizes;    // [depth]
    double **levels;     // [depth], numbers of the entries, of blocks of 32 entries ...

    // Children of a node of the level above.
    const double *block(Int level, Int node, Int &count) const {
        const Int first = node << SHIFT, left = sizes[level] - first;
        count = left < FAN_OUT ? left : FAN_OUT;
        return levels[level] + first;
    }

    // Takes a node's sum anew from its children.
    void add_up(Int level, Int node) const {
        Int count;
        const double *child = block(level - 1, node, count);
        double part[LINE] = {};
        Int i = 0;
        for (; i + LINE <= count; i += LINE)
            for (Int j = 0; j < LINE; ++j) part[j] += child[i + j];
        double sum = 0;
        for (double one : part) sum += one;
        for (; i < count; ++i) sum += child[i];
        levels[level][node] = sum;
    }
};

}  // namespace

extern "C" {

// Takes all sums anew.
void tree_fill(const Tree *tree) {
    for (Int level = 1; level < tree->depth; ++level)
        for (Int node = 0; node < tree->sizes[level]; ++node) tree->add_up(level, node);
}

// Sets priorities, of several for one entry the largest. Returns the largest of all, or -1, and
// nothing is changed, where an index or a priority is not allowed.
double tree_update(const Tree *tree, const std::int64_t *index, const double *priority, Int count,
                   double least, double limit) {
    double largest = 0;
    for (Int i = 0; i < count; ++i) {
        const double one = priority[i];
        if (index[i] < 0 || index[i] >= tree->sizes[0] || !(one >= 0 && one <= limit)) return -1;
        if (one > largest) largest = one;
    }
    double *entries = tree->levels[0];
    for (Int i = 0; i < count; ++i) entries[index[i]] = -1;
    for (Int i = 0; i < count; ++i) {
        const double one = priority[i] < least ? 0 : priority[i];
        if (one > entries[index[i]]) entries[index[i]] = one;
    }
    for (Int level = 1; level < tree->depth; ++level)
        for (Int i = 0; i < count; ++i) tree->add_up(level, index[i] >> (level * SHIFT));
    return largest;
}

// Writes the entries in which the running sum of priorities passes each mass, `mass` is used up.
// Several go down the tree side by side, so that they wait for memory together.
void tree_search(const Tree *tree, double *mass, Int count, std::int64_t *entry) {
    for (Int first = 0; first < count; first += AHEAD) {
        const Int last = first + AHEAD < count ? first + AHEAD : count;
        for (Int i = first; i < last; ++i) entry[i] = 0;
        for (Int level = tree->depth - 2; level >= 0; --level) {
            Int children;
            for (Int i = first; i < last; ++i) {
                const double *child = tree->block(level, entry[i], children);
                for (Int j = 0; j < children; j += LINE) __builtin_prefetch(child + j);
            }
            for (Int i = first; i < last; ++i) {
                const double *child = tree->block(level, entry[i], children);
                double before = 0, at_best = 0;
                Int j = 0, best = 0;
                for (; j < children; ++j) {
                    const double until = before + child[j];
                    if (until > mass[i]) break;
                    if (child[j] > 0) best = j, at_best = before;
                    before = until;
                }
                if (j == children) {  // the rounding of sums pushed a mass past a block's end
                    j = best, before = at_best;
                    const double most = child[j] * BELOW_ONE;
                    if (mass[i] - before > most) mass[i] = before + most;
                }
                mass[i] -= before;
                entry[i] = (entry[i] << SHIFT) + j;
            }
        }
    }
}
}
