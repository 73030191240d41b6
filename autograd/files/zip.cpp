// A zip archive: members one after another, then a directory of them, then a record that says where the directory is. Sizes and positions
// are taken from the directory, because a member's own header may leave them open. Numbers are little-endian; those beyond 32 bits stand in
// an extra field (zip64).
#include "autograd/files/zip.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace scoregrad {
namespace {

constexpr uint32_t open32 = 0xffffffff;

int64_t number(const unsigned char* at, int bytes) {
  uint64_t n = 0;
  for (int i = 0; i < bytes; ++i) n |= static_cast<uint64_t>(at[i]) << (8 * i);
  return static_cast<int64_t>(n);
}
bool begins(const unsigned char* at, const char* signature) { return std::memcmp(at, signature, 4) == 0; }

struct Directory {
  int64_t begin = 0, bytes = 0, count = 0;
};

// The directory as the record at the file's end gives it; a comment of up to 64 KiB may follow the record.
Directory find_directory(InputFile& file) {
  const int64_t tail = std::min<int64_t>(file.size(), 22 + 0xffff);
  std::vector<unsigned char> end(static_cast<size_t>(tail));
  file.seek(file.size() - tail);
  file.read(end.data(), tail, "the end of the archive");
  for (int64_t i = tail - 22; i >= 0; --i) {
    const unsigned char* record = end.data() + i;
    if (!begins(record, "PK\5\6") || number(record + 20, 2) != tail - i - 22) continue;
    if (number(record + 4, 2) != 0 || number(record + 6, 2) != 0 || number(record + 8, 2) != number(record + 10, 2))
      file.refuse("archives in several parts are not supported");
    Directory d{number(record + 16, 4), number(record + 12, 4), number(record + 10, 2)};
    int64_t after = file.size() - tail + i;
    if (d.begin == open32 || d.bytes == open32 || d.count == 0xffff) {
      unsigned char locator[20], wide[56];
      file.seek(std::max<int64_t>(0, after - 20));
      file.read(locator, 20, "the zip64 locator");
      if (!begins(locator, "PK\6\7")) file.refuse(fmt::format("a zip64 locator is missing before byte {}", after));
      after = number(locator + 8, 8);
      file.seek(after);
      file.read(wide, 56, "the zip64 record");
      if (!begins(wide, "PK\6\6")) file.refuse(fmt::format("a zip64 record is missing at byte {}", after));
      d = {number(wide + 48, 8), number(wide + 40, 8), number(wide + 32, 8)};
    }
    if (d.begin < 0 || d.bytes < 0 || d.begin > after || d.bytes != after - d.begin)
      file.refuse(fmt::format("the directory of {} bytes at byte {} does not end at byte {}", d.bytes, d.begin, after));
    if (d.count < 0 || d.count > d.bytes / 46) file.refuse(fmt::format("{} members in a directory of {} bytes", d.count, d.bytes));
    return d;
  }
  file.refuse("not a zip archive, or truncated: it has no end record");
}

// The zip64 extra field holds those of the numbers, in this order, that do not fit into 32 bits.
void widen(const InputFile& file, const unsigned char* extra, int64_t bytes, const std::array<int64_t*, 3>& numbers) {
  while (bytes >= 4) {
    const int64_t id = number(extra, 2), length = number(extra + 2, 2);
    extra += 4;
    bytes -= 4;
    if (length > bytes) break;
    if (id == 1) {
      const unsigned char* at = extra;
      for (int64_t* n : numbers) {
        if (*n != open32 || at + 8 > extra + length) continue;
        *n = number(at, 8);
        at += 8;
        if (*n < 0) file.refuse("a zip64 number overflows");
      }
    }
    extra += length;
    bytes -= length;
  }
}

// Fills in where a member's bytes begin, from its own header, and compares the two headers.
void locate(InputFile& file, ZipEntry& e, int64_t end) {
  unsigned char local[30];
  file.seek(e.header);
  file.read(local, 30, "a member's header");
  if (!begins(local, "PK\3\4")) file.refuse(fmt::format("there is no member at byte {}", e.header));
  const int64_t name_length = number(local + 26, 2);
  std::string name(static_cast<size_t>(name_length), '\0');
  file.read(name.data(), name_length, "a member's name");
  if (name != e.name) file.refuse(fmt::format("the member at byte {} is '{}' in the directory and '{}' in place", e.header, e.name, name));
  e.data = e.header + 30 + name_length + number(local + 28, 2);
  if (e.data > end || e.packed > end - e.data)
    file.refuse(fmt::format("member '{}': {} bytes at byte {} reach into the directory", e.name, e.packed, e.data));
}

}  // namespace

uint32_t crc32_of(const void* data, size_t bytes, uint32_t crc) {
  static const auto table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0xedb88320u : 0);
    }
    return t;
  }();
  crc = ~crc;
  for (const auto* p = static_cast<const unsigned char*>(data); bytes > 0; --bytes) crc = crc >> 8 ^ table[(crc ^ *p++) & 255];
  return ~crc;
}

std::vector<ZipEntry> zip_entries(InputFile& file) {
  const Directory d = find_directory(file);
  file.seek(d.begin);
  const std::string bytes = file.text(d.bytes, "the directory");
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  const auto* const first = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char *at = first, *end = at + d.bytes;
  for (int64_t i = 0; i < d.count; ++i) {
    if (end - at < 46 || !begins(at, "PK\1\2"))
      file.refuse(fmt::format("entry {} of {} is missing at byte {}", i, d.count, d.begin + (at - first)));
    const int64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2), method = number(at + 10, 2);
    if (end - at < 46 + name + extra + comment) file.refuse(fmt::format("entry {} of {} is truncated", i, d.count));
    ZipEntry e;
    e.name.assign(reinterpret_cast<const char*>(at) + 46, static_cast<size_t>(name));
    e.deflated = method == 8;
    e.crc = static_cast<uint32_t>(number(at + 16, 4));
    e.packed = number(at + 20, 4);
    e.unpacked = number(at + 24, 4);
    e.header = number(at + 42, 4);
    widen(file, at + 46 + name, extra, {&e.unpacked, &e.packed, &e.header});
    if (method != 0 && method != 8) e.foreign = fmt::format("packed by method {}, only 0 and 8 are known", method);
    if (at[8] & 1) e.foreign = "encrypted";
    const bool possible = e.deflated ? e.unpacked / deflate_ratio <= e.packed : e.unpacked == e.packed;
    if (e.foreign.empty() && !possible)
      file.refuse(fmt::format("member '{}' cannot be {} bytes packed into {}", e.name, e.unpacked, e.packed));
    if (!names.insert(e.name).second) file.refuse(fmt::format("two members are called '{}'", e.name));
    entries.push_back(std::move(e));
    at += 46 + name + extra + comment;
  }
  if (at != end) file.refuse(fmt::format("{} bytes of the directory belong to no member", end - at));

  std::vector<ZipEntry*> order;
  for (ZipEntry& e : entries) order.push_back(&e);
  std::sort(order.begin(), order.end(), [](const ZipEntry* a, const ZipEntry* b) { return a->header < b->header; });
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t next = i + 1 < order.size() ? std::min(order[i + 1]->header, d.begin) : d.begin;
    locate(file, *order[i], d.begin);
    if (order[i]->data + order[i]->packed > next) file.refuse(fmt::format("member '{}' overlaps the next", order[i]->name));
  }
  return entries;
}

ZipMember::ZipMember(InputFile& file, const ZipEntry& entry) : file_(file), entry_(entry), left_(entry.unpacked) {
  file_.seek(entry.data);
  if (entry.deflated) inflate_.emplace(file, entry.packed, Inflate::raw);
}

void ZipMember::read(void* to, int64_t bytes, const char* what) {
  if (bytes > left_) refuse(fmt::format("truncated: {} bytes are left where {} needs {}", left_, what, bytes));
  if (!inflate_)
    file_.read(to, bytes, what);
  else if (inflate_->read(to, bytes) != bytes)
    refuse(fmt::format("the compressed data end before the {} bytes that the directory announces", entry_.unpacked));
  left_ -= bytes;
  crc_ = crc32_of(to, static_cast<size_t>(bytes), crc_);
}

void ZipMember::finish() {
  char beyond;
  if (left_ != 0) refuse(fmt::format("{} bytes follow the array", left_));
  if (inflate_ && (inflate_->read(&beyond, 1) != 0 || inflate_->left() != 0)) refuse("there is more than the directory announces");
  if (crc_ != entry_.crc) refuse(fmt::format("damaged: its checksum is {:08x}, not {:08x}", crc_, entry_.crc));
}

Error ZipMember::error(const std::string& why) const {
  return file_.error(fmt::format("member '{}' at byte {}: {}", entry_.name, entry_.header, why));
}

}  // namespace scoregrad
