// The numbers of a decomposition on their way from the sweep to the result: one flat list, the same for a block, a sum over blocks, and an
// error. The ledger knows which loss, group of parameters and path each number belongs to.
#pragma once
#include "losses/decomposition.h"

namespace scoregrad::losses {

using Numbers = std::vector<double>;
/// One of a decomposition's losses.
using TermOf = Term Decomposition::*;

class Ledger {
 public:
  explicit Ledger(std::vector<Wanted> groups);

  /// Of a block: the expectation of one loss, of which the gradients are taken, and of the sum of the |terms| that each row adds up for it:
  /// what its rounding is relative to, undefined where no error is asked for.
  void add(TermOf term, const Tensor& loss, const Tensor& terms, Where at);
  /// Of a block: a sum of losses that were added, which should be zero; nothing if one was not. What is split by path need not add up to
  /// anything there.
  void add(TermOf term, const std::vector<std::pair<double, TermOf>>& parts);
  /// The block's numbers as tensors, which is what a compiled step returns: values, and gradients if any are wanted.
  Tensors close();
  /// The same as one list.
  static Numbers read(const Tensors& block);

  /// The largest |x| among the numbers of each entry's family - a loss's value, or its gradients for one group - in each of its places.
  Numbers largest(const Numbers& x) const;
  /// The size that an error in each place is relative to: a gradient counts as no smaller than its loss.
  Numbers scale(const Numbers& x) const;
  /// The size of what is added up for each place, which no error can be asked to be small beside: the |terms| of its loss, for a gradient
  /// also the largest of its family, and for an identity those of the losses that it is a sum of.
  Numbers terms(const Numbers& x) const;
  /// The largest error relative to value or gradient, identities and what is below `rounding` of the terms left out.
  double relative(const Numbers& mean, const Numbers& error, double rounding) const;
  void write(Decomposition& d, const Numbers& mean, const Numbers& error) const;

 private:
  struct Entry {
    TermOf term;
    int group = -1;         // of the parameters; -1: the loss itself, or its terms
    bool terms = false;     // what the rows' |terms| add up to
    size_t tensor = 0;      // in the group
    std::string path = {};  // of a part
    bool part = false;      // along one path; else the total
    bool identity = false;
    size_t first = 0, count = 1;
    Shape shape = {};
  };
  struct Swept {
    TermOf term;
    Tensor value, terms, totals;
  };
  const Tensor& tensor(const Entry& e) const { return groups_[static_cast<size_t>(e.group)].tensors[e.tensor]; }
  size_t place_of(TermOf term, bool terms) const;
  void note(Entry e, const Tensor& value, const Tensor& terms);
  void enter(Entry e, const Tensor& gradient);
  template <class F>
  void for_families(const F& f) const;

  std::vector<Wanted> groups_;
  Tensors wanted_;
  std::vector<Entry> entries_;  // in the order of the list
  // Of the block under way.
  std::vector<Entry> values_, gradients_;
  std::vector<Swept> swept_;
  Tensors value_parts_, gradient_parts_;
};

}  // namespace scoregrad::losses
