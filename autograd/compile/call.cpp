#include "autograd/compile/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "autograd/backend/call_names.h"

namespace scoregrad::compiled {

const char* name_of(const Call& c) {
  return std::visit([](const auto& what) { return what.name; }, c.what);
}

bool is_whole(const Place& p, const Buffer& b) {
  return p.offset == 0 && is_contiguous(p.shape, p.strides) && static_cast<size_t>(numel(p.shape)) * size_of(p.dtype) == b.bytes;
}

Span span_of(const Place& p) {
  const auto size = static_cast<int64_t>(size_of(p.dtype));
  Span s{p.offset, p.offset + size};
  for (int d = 0; d < p.shape.rank; ++d) (p.strides[d] < 0 ? s.begin : s.end) += p.strides[d] * (p.shape[d] - 1) * size;
  return s;
}

size_t band_of(const Sequence& s, size_t i) {
  for (size_t k = 0; k < s.bands.size(); ++k)
    if (i >= s.bands[k].first && i < s.bands[k].first + s.bands[k].count) return k;
  return none;
}

int64_t arena_bytes(const Sequence& s) {
  int64_t bytes = 0;
  for (const Arena& a : s.arenas) bytes += a.bytes;
  return bytes;
}

std::vector<char> values(const Sequence& s) {
  std::vector<char> value(s.buffers.size());
  for (size_t b = 0; b < value.size(); ++b) value[b] = s.buffers[b].kind == Buffer::temporary || s.buffers[b].kind == Buffer::output;
  std::vector<char> written(s.buffers.size());
  for (const Call& c : s.calls) {
    for (const Place& p : c.in)
      if (p.buffer != none && !written[p.buffer]) value[p.buffer] = 0;  // read before it is written
    for (const Place& p : c.out) {
      if (p.buffer == none) continue;
      const size_t b = p.buffer;
      if (written[b] || !is_whole(p, s.buffers[b])) value[b] = 0;
      written[b] = 1;
    }
  }
  return value;
}

namespace {

template <class T>
void append(std::string& bytes, const T& value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);  // no padding, whose bytes are nobody's
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void append(std::string& bytes, const Dims& d) {
  append(bytes, d.rank);
  for (int64_t v : d) append(bytes, v);
}
void append(std::string& bytes, const Immediate& v) { append(bytes, v.f), append(bytes, v.i); }
void append(std::string& bytes, const Convolution& g) {
  for (const auto& pair : {g.stride, g.before, g.dilation}) append(bytes, pair[0]), append(bytes, pair[1]);
  append(bytes, g.groups);
}
// An address says only that the words are an operand.
void append(std::string& bytes, const KeyWords& k) {
  append(bytes, k.address != nullptr);
  if (!k.address)
    for (uint32_t w : k.words) append(bytes, w);
}
template <class T>
constexpr bool is_operand =
    std::is_same_v<T, calls::In> || std::is_same_v<T, calls::Out> || std::is_same_v<T, calls::InOut> || std::is_same_v<T, calls::Inputs> ||
    std::is_same_v<T, calls::Outputs> || std::is_same_v<T, calls::ToHost> || std::is_same_v<T, calls::Over>;

// The k-th of the names in a list "a, b, c".
std::string name_in(std::string_view list, size_t k) {
  while (k-- > 0) list.remove_prefix(list.find(',') + 2);
  return std::string(list.substr(0, list.find(',')));
}

// f(name, field) for each field of a call that is not an operand.
template <class F>
void for_each_attribute(const Call& c, F&& f) {
  std::visit(
      [&](const auto& what) {
        size_t k = 0;
        const auto one = [&](const auto& field) {
          if constexpr (!is_operand<std::decay_t<decltype(field)>>) f(name_in(what.field_names, k), field);
          ++k;
        };
        what.fields([&](const auto&... field) { (one(field), ...); });
      },
      c.what);
}

}  // namespace

std::vector<Attribute> attributes(const Call& c) {
  std::vector<Attribute> all;
  for_each_attribute(c, [&](const std::string& name, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    std::string value;
    if constexpr (std::is_same_v<Field, Program>) {
      append(value, c.dtype);
      for (const Immediate& v : c.immediates) append(value, v);
      for (const Instr& i : c.code) {
        append(value, i.op);
        for (uint16_t r : {i.out, i.a, i.b, i.c}) append(value, r);
      }
      for (uint16_t r : c.results) append(value, r);
    } else if constexpr (std::is_same_v<Field, calls::FromHost>) {
      value.assign(c.bytes.begin(), c.bytes.end());
    } else {
      append(value, field);
    }
    all.push_back({name, std::move(value)});
  });
  return all;
}

namespace {

std::string text(const Immediate& v) {
  return fmt::format("{}", v.f == static_cast<double>(v.i) || v.f != 0 ? v.f : static_cast<double>(v.i));
}

std::string text(const Dims& d) { return to_string(d); }
std::string text(const Convolution& g) {
  const auto pair = [](const int64_t(&v)[2]) { return to_string(Dims{v[0], v[1]}); };
  return fmt::format("stride {} before {} dilation {} groups {}", pair(g.stride), pair(g.before), pair(g.dilation), g.groups);
}
std::string text(const KeyWords& k) { return k.address ? "" : fmt::format("{:x} {:x}", k.words[0], k.words[1]); }  // else an operand
std::string text(const Program&) { return {}; }  // its instructions are the call's title, its numbers stand among the operands
template <class T>
std::string text(T value) {
  if constexpr (std::is_enum_v<T>)
    return name_of(value);
  else
    return fmt::format("{}", value);
}

// "axis=1, descending=false"
std::string attribute_text(const Call& c) {
  std::string all;
  for_each_attribute(c, [&](const std::string& name, const auto& field) {
    std::string value;
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, calls::FromHost>)
      value = fmt::format("{} bytes", c.bytes.size());
    else
      value = text(field);
    if (!value.empty()) all += fmt::format("{}{}={}", all.empty() ? "" : ", ", name, value);
  });
  return all;
}

// The numbers of the host that a call holds: its program's, or what it fills with.
std::vector<Immediate> numbers(const Call& c) {
  std::vector<Immediate> all = c.immediates;
  if (is<calls::Fill>(c)) all.push_back(as<calls::Fill>(c).value);
  return all;
}

// The first instruction's name says what an elementwise call of the user's does.
std::string title(const Call& c) {
  if (c.code.empty()) return name_of(c);
  std::string names = is<calls::Elementwise>(c) ? "" : name_of(c);
  for (const Instr& i : c.code) names += fmt::format("{}{}", names.empty() ? "" : " ", row(i.op).name);
  return names;
}
std::string line(Where at) {
  if (!at) return {};
  const std::string file = at.file;
  return fmt::format("{}:{}", file.substr(file.find_last_of('/') + 1), at.line);
}
std::string text(const Place& p) {
  if (p.buffer == none) return "empty";
  std::string s = fmt::format("%{}", p.buffer);
  if (p.offset != 0) s += fmt::format("+{}", p.offset);
  if (!is_contiguous(p.shape, p.strides)) s += fmt::format("/{}", to_string(p.strides));
  return s;
}

bool same(const Instr& a, const Instr& b) { return a.op == b.op && a.out == b.out && a.a == b.a && a.b == b.b && a.c == b.c; }

std::string difference(const Call& a, const Call& b) {
  if (a.what.index() != b.what.index() || !std::equal(a.code.begin(), a.code.end(), b.code.begin(), b.code.end(), same))
    return fmt::format("became {} ({}): another branch was taken", title(b), line(b.at));
  const std::vector<Immediate> was = numbers(a), is_now = numbers(b);
  for (size_t i = 0; i < std::min(was.size(), is_now.size()); ++i)
    if (std::memcmp(&was[i], &is_now[i], sizeof(Immediate)) != 0)
      return fmt::format("a number of the host changed from {} to {}; keep what changes in a tensor that the step updates", text(was[i]),
                         text(is_now[i]));
  const std::vector<Attribute> before = attributes(a), after = attributes(b);
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].value == after[i].value) continue;
    if (before[i].name == "key")
      return "the key of its random numbers changed on the host; keep the key in a tensor (Key::tensor) that the step folds";
    if (before[i].name == "host") return "data of the host changed between two steps; pass it as an argument";
    return fmt::format("its {} changed", before[i].name);
  }
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
  size_t last_band = none;
  size_t widths[2] = {0, 0};
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const Call& c = s.calls[i];
    std::string results, operands;
    for (const Place& p : c.out) results += fmt::format("{}{}", results.empty() ? "" : ", ", text(p));
    for (const Place& p : c.in) operands += fmt::format("{}{}", operands.empty() ? "" : ", ", text(p));
    for (const Immediate& v : c.immediates) operands += fmt::format("{}{}", operands.empty() ? "" : ", ", text(v));
    if (const std::string named = attribute_text(c); !named.empty()) operands += (operands.empty() ? "" : ", ") + named;
    const bool once = i < s.once.size() && s.once[i];
    const size_t band = band_of(s, i);
    if (band != none && band != last_band) {
      const Band& b = s.bands[band];
      rows.push_back({fmt::format("     for blocks of {} rows of {}:", b.step, b.rows), "", ""});
    }
    last_band = band;
    rows.push_back({fmt::format("{:4} {}{} = {}({})", once ? "once" : "", band != none ? "  " : "", results, title(c), operands),
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
