#include "autograd/compile/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace scoregrad::compiled {

const char* name_of(Entry e) {
  static constexpr const char* names[] = {"elementwise", "copy",        "fill",         "reduce",           "cumsum",    "sort",
                                          "gather",      "scatter_add", "index_select", "index_add",        "matmul",    "random",
                                          "fold",        "cholesky",    "solve",        "triangular_solve", "logabsdet", "symeig",
                                          "convolution", "constant"};
  return names[static_cast<size_t>(e)];
}

bool is_whole(const Place& p, const Buffer& b) {
  return p.offset == 0 && is_contiguous(p.shape, p.strides) && static_cast<size_t>(numel(p.shape)) * size_of(p.dtype) == b.bytes;
}

int band_of(const Sequence& s, size_t i) {
  for (size_t k = 0; k < s.bands.size(); ++k)
    if (i >= s.bands[k].first && i < s.bands[k].first + s.bands[k].count) return static_cast<int>(k);
  return -1;
}

std::vector<char> values(const Sequence& s) {
  std::vector<char> value(s.buffers.size());
  for (size_t b = 0; b < value.size(); ++b) value[b] = s.buffers[b].kind == Buffer::temporary || s.buffers[b].kind == Buffer::output;
  std::vector<char> written(s.buffers.size());
  for (const Call& c : s.calls) {
    for (const Place& p : c.in)
      if (p.buffer >= 0 && !written[static_cast<size_t>(p.buffer)]) value[static_cast<size_t>(p.buffer)] = 0;  // read before it is written
    for (const Place& p : c.out) {
      if (p.buffer < 0) continue;
      const auto b = static_cast<size_t>(p.buffer);
      if (written[b] || !is_whole(p, s.buffers[b])) value[b] = 0;
      written[b] = 1;
    }
  }
  return value;
}

namespace {

std::string text(const Immediate& v) {
  return fmt::format("{}", v.f == static_cast<double>(v.i) || v.f != 0 ? v.f : static_cast<double>(v.i));
}

// The first instruction's name says what an elementwise call of the user's does.
std::string title(const Call& c) {
  if (c.code.empty()) return name_of(c.entry);
  std::string names = c.entry == Entry::elementwise ? "" : name_of(c.entry);
  for (const Instr& i : c.code) names += fmt::format("{}{}", names.empty() ? "" : " ", row(i.op).name);
  return names;
}
std::string line(Where at) {
  if (!at) return {};
  const std::string file = at.file;
  return fmt::format("{}:{}", file.substr(file.find_last_of('/') + 1), at.line);
}
std::string text(const Place& p) {
  if (p.buffer < 0) return "empty";
  std::string s = fmt::format("%{}", p.buffer);
  if (p.offset != 0) s += fmt::format("+{}", p.offset);
  if (!is_contiguous(p.shape, p.strides)) s += fmt::format("/{}", to_string(p.strides));
  return s;
}

template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}
bool same(const Instr& a, const Instr& b) { return a.op == b.op && a.out == b.out && a.a == b.a && a.b == b.b && a.c == b.c; }

std::string difference(const Call& a, const Call& b) {
  if (a.entry != b.entry || a.code.size() != b.code.size() || !std::equal(a.code.begin(), a.code.end(), b.code.begin(), same))
    return fmt::format("became {} ({}): another branch was taken", title(b), line(b.at));
  if (!same_bytes(a.immediates, b.immediates)) {
    for (size_t i = 0; i < std::min(a.immediates.size(), b.immediates.size()); ++i)
      if (std::memcmp(&a.immediates[i], &b.immediates[i], sizeof(Immediate)) != 0)
        return fmt::format("a number of the host changed from {} to {}; keep what changes in a tensor that the step updates",
                           text(a.immediates[i]), text(b.immediates[i]));
    return "its numbers differ";
  }
  if (a.keyed != b.keyed || a.words[0] != b.words[0] || a.words[1] != b.words[1])
    return "the key of its random numbers changed on the host; keep the key in a tensor (Key::tensor) that the step folds";
  if (a.bytes != b.bytes) return "data of the host changed between two steps; pass it as an argument";
  if (a.kind != b.kind || a.axis != b.axis || a.flag != b.flag || a.axes != b.axes || a.offset != b.offset || a.dtype != b.dtype ||
      std::memcmp(&a.geometry, &b.geometry, sizeof(a.geometry)) != 0 || a.results != b.results)
    return "its attributes changed";
  if (a.in.size() != b.in.size() || a.out.size() != b.out.size()) return "its number of operands changed";
  for (size_t i = 0; i < a.in.size(); ++i)
    if (!(a.in[i] == b.in[i]))
      return fmt::format("operand {} changed from {} {} to {} {}", i, text(a.in[i]), to_string(a.in[i].shape), text(b.in[i]),
                         to_string(b.in[i].shape));
  for (size_t i = 0; i < a.out.size(); ++i)
    if (!(a.out[i] == b.out[i]))
      return fmt::format("its result changed from {} to {}", to_string(a.out[i].shape), to_string(b.out[i].shape));
  return {};
}

}  // namespace

std::string difference(const Sequence& a, const Sequence& b) {
  for (size_t i = 0; i < std::min(a.calls.size(), b.calls.size()); ++i) {
    const std::string d = difference(a.calls[i], b.calls[i]);
    if (!d.empty()) return fmt::format("call {} ({}, {}): {}", i, title(a.calls[i]), line(a.calls[i].at), d);
  }
  if (a.calls.size() != b.calls.size()) {
    const std::vector<Call>& longer = a.calls.size() > b.calls.size() ? a.calls : b.calls;
    const Call& extra = longer[std::min(a.calls.size(), b.calls.size())];
    return fmt::format("one step made {} calls, the next {}; the first that only one of them made is {}, {}", a.calls.size(),
                       b.calls.size(), title(extra), line(extra.at));
  }
  for (size_t i = 0; i < std::min(a.buffers.size(), b.buffers.size()); ++i)
    if (a.buffers[i].kind != b.buffers[i].kind || a.buffers[i].storage.get() != b.buffers[i].storage.get())
      return fmt::format("a captured tensor of {} bytes was replaced by another between two steps; write into it with copy_ instead",
                         a.buffers[i].bytes);
  if (a.results.size() != b.results.size() || !std::equal(a.results.begin(), a.results.end(), b.results.begin()))
    return "the results changed";
  return {};
}

std::string show(const Sequence& s) {
  std::vector<std::array<std::string, 3>> rows;
  int last_band = -1;
  size_t widths[2] = {0, 0};
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const Call& c = s.calls[i];
    std::string results, operands;
    for (const Place& p : c.out) results += fmt::format("{}{}", results.empty() ? "" : ", ", text(p));
    for (const Place& p : c.in) operands += fmt::format("{}{}", operands.empty() ? "" : ", ", text(p));
    for (const Immediate& v : c.immediates) operands += fmt::format("{}{}", operands.empty() ? "" : ", ", text(v));
    const bool once = i < s.once.size() && s.once[i];
    const int band = band_of(s, i);
    if (band >= 0 && band != last_band) {
      const Band& b = s.bands[static_cast<size_t>(band)];
      rows.push_back({fmt::format("     for blocks of {} rows of {}:", b.step, b.rows), "", ""});
    }
    last_band = band;
    rows.push_back({fmt::format("{:4} {}{} = {}({})", once ? "once" : "", band >= 0 ? "  " : "", results, title(c), operands),
                    c.out.empty() ? "" : fmt::format("{} {}", name_of(c.out[0].dtype), to_string(c.out[0].shape)), line(c.at)});
    for (size_t k = 0; k < 2; ++k) widths[k] = std::max(widths[k], rows.back()[k].size());
  }
  std::string out;
  for (const auto& [call, kind, at] : rows)
    out += kind.empty() && at.empty() ? call + "\n" : fmt::format("{:{}}  {:{}}  {}\n", call, widths[0], kind, widths[1], at);
  out += "     return";
  for (const Place& p : s.results) out += fmt::format(" {}", text(p));
  return fmt::format("{}\n", out);
}

}  // namespace scoregrad::compiled
