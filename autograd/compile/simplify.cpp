// The passes that need no arithmetic: drop what nobody reads, merge what is equal, mark what never changes.
#include <map>
#include <string>

#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

template <class T>
void append(std::string& key, const T& value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>);
  key.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void append(std::string& key, const Dims& d) {
  append(key, d.rank);
  for (int64_t v : d) append(key, v);
}

// All that decides a call's result; `version` counts the writes to each buffer so far.
std::string identity(const Call& c, const std::vector<size_t>& version) {
  std::string key;
  append(key, c.what.index());
  append(key, c.backend);
  append(key, c.region);
  for (const Place& p : c.in) {
    append(key, p.buffer);
    append(key, p.buffer == none ? 0 : version[p.buffer]);
    append(key, p.offset);
    append(key, p.dtype);
    append(key, p.shape);
    append(key, p.strides);
  }
  for (const Place& p : c.out) {
    append(key, p.dtype);
    append(key, p.shape);
  }
  for (const Attribute& a : attributes(c)) {
    append(key, a.value.size());
    key += a.value;
  }
  return key;
}

}  // namespace

Sequence drop(Sequence s) {
  std::vector<char> wanted(s.buffers.size());
  for (size_t b = 0; b < wanted.size(); ++b) wanted[b] = lasts(s.buffers[b]);
  std::vector<Call> kept;
  std::vector<char> once;
  for (size_t i = s.calls.size(); i-- > 0;) {
    Call& c = s.calls[i];
    bool needed = false;
    for (const Place& p : c.out) needed = needed || (p.buffer != none && wanted[p.buffer]);
    if (!needed) continue;
    for (const Place& p : c.in)
      if (p.buffer != none) wanted[p.buffer] = 1;
    kept.push_back(std::move(c));
    if (!s.once.empty()) once.push_back(s.once[i]);
  }
  s.once.assign(once.rbegin(), once.rend());
  s.calls.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  return s;
}

Sequence merge(Sequence s) {
  const std::vector<char> value = values(s);
  std::vector<size_t> version(s.buffers.size()), same(s.buffers.size());
  for (size_t b = 0; b < same.size(); ++b) same[b] = b;
  std::map<std::string, std::vector<size_t>> known;  // identity -> the buffers that hold the results
  std::vector<Call> kept;
  for (Call& c : s.calls) {
    for (Place& p : c.in)
      if (p.buffer != none) p.buffer = same[p.buffer];
    bool mergeable = true;
    std::vector<size_t> results;
    for (const Place& p : c.out) {
      mergeable = mergeable && p.buffer != none && value[p.buffer];
      results.push_back(p.buffer);
    }
    if (mergeable) {
      const auto [found, fresh] = known.try_emplace(identity(c, version), results);
      bool ours = true;  // what is returned keeps a buffer of its own
      for (size_t b : results) ours = ours && s.buffers[b].kind == Buffer::temporary;
      if (!fresh && ours) {
        for (size_t k = 0; k < results.size(); ++k) same[results[k]] = found->second[k];
        continue;
      }
    }
    for (const Place& p : c.out)
      if (p.buffer != none) ++version[p.buffer];
    kept.push_back(std::move(c));
  }
  s.calls = std::move(kept);
  return s;
}

Sequence fold(Sequence s) {
  const std::vector<char> value = values(s);
  std::vector<char> constant(s.buffers.size());
  std::vector<Call> once, every;
  for (Call& c : s.calls) {
    bool same = true;
    for (const Place& p : c.in) same = same && (p.buffer == none || constant[p.buffer]);
    for (const Place& p : c.out) same = same && p.buffer != none && value[p.buffer] && s.buffers[p.buffer].kind == Buffer::temporary;
    for (const Place& p : c.out)
      if (p.buffer != none) constant[p.buffer] = same;
    (same ? once : every).push_back(std::move(c));
  }
  s.once.assign(once.size(), 1);
  s.once.resize(once.size() + every.size(), 0);
  s.calls = std::move(once);
  s.calls.insert(s.calls.end(), std::make_move_iterator(every.begin()), std::make_move_iterator(every.end()));
  return s;
}

}  // namespace scoregrad::compiled
