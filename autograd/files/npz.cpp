#include "autograd/files/npz.h"

#include <fmt/format.h>

#include "autograd/files/encoding.h"
#include "autograd/files/npy.h"
#include "autograd/files/zip.h"

namespace scoregrad {
namespace {

constexpr std::string_view suffix = ".npy";

// Little-endian fields of a record, one after another.
struct Record {
  std::string bytes;
  Record& text(std::string_view s) {
    bytes += s;
    return *this;
  }
  Record& number(size_t n, int width) {
    for (int i = 0; i < width; ++i) bytes += static_cast<char>(n >> (8 * i) & 255);
    return *this;
  }
};

// What a member's own header and its entry in the directory have in common: version 2.0, no flags but for a name in UTF-8, stored,
// the first of January 1980 (so that equal tensors make equal files), checksum, sizes, the name's length, no extra field.
std::string description(const std::string& name, uint32_t crc, size_t bytes) {
  bool ascii = true;
  for (char c : name) ascii = ascii && static_cast<unsigned char>(c) < 128;
  Record r;
  r.number(20, 2).number(ascii ? 0 : 0x800, 2).number(0, 2).number(0, 2).number(33, 2);
  r.number(crc, 4).number(bytes, 4).number(bytes, 4).number(name.size(), 2).number(0, 2);
  return r.bytes;
}

}  // namespace

void save_npz(const std::string& path, const NamedTensors& tensors, Where at) {
  OutputFile file(path, "save_npz", at);
  const auto refuse = [&](const std::string& why) { throw Error(at, fmt::format("save_npz: '{}': {}", path, why)); };
  if (tensors.size() >= 0xffff) refuse(fmt::format("{} tensors are too many for one archive", tensors.size()));
  size_t offset = 0;
  const auto write = [&](const auto& bytes) {
    file.write(bytes.data(), bytes.size());
    offset += bytes.size();
  };
  Record directory;
  for (const auto& [key, x] : tensors) {
    const std::string name = key + std::string(suffix);
    if (key.empty() || name.size() > 0xffff) refuse(fmt::format("a tensor cannot be named '{}'", printable(key)));
    if (!is_utf8(key)) refuse(fmt::format("the name '{}' of a tensor is not UTF-8", printable(key)));
    if (!x.defined()) refuse(fmt::format("tensor '{}' is undefined", key));
    const std::string header = npy_header(x);
    const std::vector<char> elements = host_bytes(x, at);
    const size_t bytes = header.size() + elements.size();
    if (offset + bytes + name.size() + 30 >= 0xffffffff) refuse(fmt::format("'{}' makes it 4 GiB or more; use safetensors", key));
    const uint32_t crc = crc32_of(elements.data(), elements.size(), crc32_of(header.data(), header.size()));
    const std::string about = description(name, crc, bytes);
    // then: comment, disk, attributes and position
    directory.text("PK\1\2").number(20, 2).text(about).number(0, 2).number(0, 2).number(0, 2).number(0, 4).number(offset, 4).text(name);
    write("PK\3\4" + about + name);
    write(header);
    write(elements);
  }
  const size_t begin = offset, count = tensors.size();
  write(directory.bytes);
  if (offset >= 0xffffffff) refuse("4 GiB or more; use safetensors");
  Record end;
  end.text("PK\5\6").number(0, 4).number(count, 2).number(count, 2).number(offset - begin, 4).number(begin, 4).number(0, 2);
  write(end.bytes);
  file.finish();
}

LoadedTensors load_npz(const std::string& path, int64_t most, Where at) {
  InputFile file(path, "load_npz", at);
  LoadedTensors out;
  out.source = "load_npz: '" + path + "'";
  int64_t left = most;
  for (const ZipEntry& entry : zip_entries(file)) {
    const size_t length = entry.name.size();
    const bool array = length > suffix.size() && entry.name.compare(length - suffix.size(), suffix.size(), suffix) == 0;
    const std::string name = array ? entry.name.substr(0, length - suffix.size()) : entry.name;
    try {
      if (!entry.foreign.empty()) throw Foreign(file.error(entry.foreign), entry.foreign);
      ZipMember member(file, entry);
      if (!array) member.foreign("not an array: its name does not end in .npy");
      if (entry.deflated && entry.unpacked > left)
        member.refuse(fmt::format("{} bytes when unpacked, {} more are allowed (the limit is {})", entry.unpacked, left, most));
      if (entry.deflated) left -= entry.unpacked;
      const Tensor x = read_npy(member, at);
      member.finish();
      out.emplace(name, x);
    } catch (const Foreign& e) {
      out.unread.emplace(name, e.why);
    }
  }
  return out;
}

}  // namespace scoregrad
