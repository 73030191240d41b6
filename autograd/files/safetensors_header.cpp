#include "autograd/files/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "autograd/files/text_reader.h"

namespace scoregrad {
namespace {

// {"__metadata__":{"key":"text"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}} and trailing spaces; nothing else.
class Parser : TextReader {
 public:
  Parser(const InputFile& file, std::string text) : TextReader(file, "a safetensors header", 8, std::move(text)) {}

  SafetensorsHeader parse() {
    SafetensorsHeader h;
    std::set<std::string> names;
    members([&] {
      const std::string name = quoted();
      if (!names.insert(name).second) fail(fmt::format("\"{}\" is repeated", name));
      expect(':');
      if (name == "__metadata__")
        h.metadata = texts();
      else
        h.entries.push_back(entry(name));
    });
    skip();
    if (!at_end()) fail("text after the object");
    return h;
  }

 private:
  template <class Member>
  void members(Member&& member) {
    expect('{');
    if (accept('}')) return;
    do member();
    while (accept(','));
    expect('}');
  }

  unsigned hex() {
    unsigned n = 0;
    for (int i = 0; i < 4; ++i, ++next_) {
      const char c = next_ < text_.size() ? text_[next_] : '\0';
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) fail("four hexadecimal digits expected");
      n = n * 16 + static_cast<unsigned>(digit);
    }
    return n;
  }
  // \uXXXX as UTF-8; what lies beyond 16 bits comes as a pair.
  void append_escaped(std::string& out) {
    unsigned code = hex();
    if (code >= 0xdc00 && code < 0xe000) fail("half of a surrogate pair");
    if (code >= 0xd800 && code < 0xdc00) {
      if (text_.compare(next_, 2, "\\u") != 0) fail("half of a surrogate pair");
      next_ += 2;
      const unsigned low = hex();
      if (low < 0xdc00 || low >= 0xe000) fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto byte = [&](unsigned b) { out += static_cast<char>(b); };
    const auto tail = [&](int shift) { byte(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
      byte(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12);
      tail(6);
    } else {
      byte(0xf0 | code >> 18);
      tail(12);
      tail(6);
    }
    tail(0);
  }
  std::string quoted() {
    expect('"');
    std::string out;
    for (;; ++next_) {
      if (at_end()) fail("a text without its closing quote");
      const char c = text_[next_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a text");
      if (c != '\\') {
        out += c;
        continue;
      }
      static constexpr char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
      const char letter = ++next_ < text_.size() ? text_[next_] : '\0';
      if (letter == 'u') {
        ++next_;
        append_escaped(out);
        --next_;  // the loop goes on
      } else if (const char* found = letter ? std::strchr(letters, letter) : nullptr) {
        out += meanings[found - letters];
      } else {
        fail("an unknown escape");
      }
    }
    ++next_;
    if (!is_utf8(out)) fail(fmt::format("'{}' is not UTF-8", printable(out)));
    return out;
  }
  Texts texts() {
    Texts out;
    members([&] {
      const std::string key = quoted();
      expect(':');
      if (!out.emplace(key, quoted()).second) fail(fmt::format("metadata \"{}\" is repeated", key));
    });
    return out;
  }
  std::vector<int64_t> numbers() {
    std::vector<int64_t> out;
    expect('[');
    if (accept(']')) return out;
    do {
      skip();
      const bool zero = peek() == '0';
      const size_t first = next_;
      const int64_t n = natural("a natural number expected");
      if (zero && next_ != first + 1) fail("a natural number expected");
      out.push_back(n);
    } while (accept(','));
    expect(']');
    return out;
  }

  // Of a type that is not known, which is no fault of the header's, the size is not known either.
  static const Encoding* encoding(const std::string& dtype) {
    static const std::map<std::string, Encoding> known = {
        {"F64", {'f', 8, false}}, {"F32", {'f', 4, false}},     {"F16", {'f', 2, false}},     {"BF16", {'h', 2, false}},
        {"I64", {'i', 8, false}}, {"I32", {'i', 4, false}},     {"I16", {'i', 2, false}},     {"I8", {'i', 1, false}},
        {"U32", {'u', 4, false}}, {"U16", {'u', 2, false}},     {"U8", {'u', 1, false}},      {"BOOL", {'b', 1, false}},
        {"U64", {'u', 8, false}}, {"F8_E4M3", {'4', 1, false}}, {"F8_E5M2", {'5', 1, false}}, {"F8_E8M0", {'8', 1, false}}};
    const auto found = known.find(dtype);
    return found == known.end() ? nullptr : &found->second;
  }
  SafetensorsEntry entry(const std::string& name) {
    SafetensorsEntry e;
    e.name = name;
    std::set<std::string> seen;
    members([&] {
      const std::string key = quoted();
      if (!seen.insert(key).second) fail(fmt::format("\"{}\" of tensor '{}' is repeated", key, name));
      expect(':');
      if (key == "dtype") {
        const std::string dtype = quoted();
        if (const Encoding* known = encoding(dtype))
          e.encoding = *known;
        else
          e.foreign = fmt::format(
              "elements of {} are not supported, only F64 F32 F16 BF16 F8_E4M3 F8_E5M2 F8_E8M0, I64 I32 I16 I8, U64 U32 U16 U8 and BOOL",
              dtype);
      } else if (key == "shape") {
        const std::vector<int64_t> extents = numbers();
        if (extents.size() > max_rank)
          e.foreign = fmt::format("rank {} exceeds the limit of {}", extents.size(), max_rank);
        else
          e.shape = Shape(extents);
      } else if (key == "data_offsets") {
        const std::vector<int64_t> ends = numbers();
        if (ends.size() != 2 || ends[0] > ends[1]) fail(fmt::format("the data_offsets of tensor '{}' are no interval", name));
        e.begin = ends[0];
        e.end = ends[1];
      } else {
        fail(fmt::format("tensor '{}' has an unknown key \"{}\"", name, key));
      }
    });
    if (seen.size() != 3) fail(fmt::format("tensor '{}' lacks one of dtype, shape and data_offsets", name));
    if (!e.foreign.empty()) return e;
    try {
      check_shape({}, "", e.shape);
    } catch (const Error&) {
      file_.refuse(fmt::format("tensor '{}': shape {} overflows", name, to_string(e.shape)));
    }
    if (numel(e.shape) * e.encoding.size != e.end - e.begin)
      file_.refuse(fmt::format("tensor '{}': shape {} needs {} bytes, its data_offsets [{}, {}] hold {}", name, to_string(e.shape),
                               numel(e.shape) * e.encoding.size, e.begin, e.end, e.end - e.begin));
    return e;
  }
};

}  // namespace

SafetensorsHeader read_safetensors_header(InputFile& file) {
  unsigned char length[8];
  file.read(length, 8, "the header's length");
  uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) bytes |= static_cast<uint64_t>(length[i]) << (8 * i);
  if (bytes > 100'000'000)
    file.refuse(fmt::format("not a safetensors file: a header of {} bytes is announced, at most 10^8 are allowed", bytes));
  if (static_cast<int64_t>(bytes) > file.left())
    file.refuse(fmt::format("truncated: a header of {} bytes is announced at byte 0, {} are left", bytes, file.left()));
  std::string text = file.text(static_cast<int64_t>(bytes), "the header");
  if (text.empty() || text[0] != '{') file.refuse("not a safetensors file: its header does not begin with '{' at byte 8");
  SafetensorsHeader h = Parser(file, std::move(text)).parse();
  h.data = 8 + static_cast<int64_t>(bytes);
  std::sort(h.entries.begin(), h.entries.end(),
            [](const auto& a, const auto& b) { return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name); });
  int64_t end = 0;
  for (const SafetensorsEntry& e : h.entries) {
    if (e.begin != end)
      file.refuse(fmt::format("tensor '{}' {} at byte {}: it begins at {} of the data where {} is next", e.name,
                              e.begin < end ? "overlaps another" : "leaves a gap", h.data + std::min(e.begin, end), e.begin, end));
    end = e.end;
  }
  if (end != file.left())
    file.refuse(fmt::format("{}: the tensors need {} bytes from byte {} on, the file has {}", end > file.left() ? "truncated" : "too long",
                            end, h.data, file.left()));
  return h;
}

std::string json_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    static constexpr char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char* found = c ? std::strchr(meanings, c) : nullptr;
    if (found)
      (out += '\\') += letters[found - meanings];
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out += '"';
}

}  // namespace scoregrad
