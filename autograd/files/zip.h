// The parts of a zip archive that .npz files use.
#pragma once
#include <optional>
#include <vector>

#include "autograd/files/inflate.h"

namespace scoregrad {

/// The checksum of zip, continued from `crc`.
uint32_t crc32_of(const void* data, size_t bytes, uint32_t crc = 0);

struct ZipEntry {
  std::string name;
  std::string foreign = {};  ///< why its bytes cannot be read: encrypted, packed in a way that is not deflate
  bool deflated = false;
  uint32_t crc = 0;
  int64_t packed = 0, unpacked = 0;  ///< bytes
  int64_t header = 0;                ///< where the member begins
  int64_t data = 0;                  ///< where its bytes begin
};
/// The members of an archive in the order of its directory, all inside the file and none overlapping. Throws Error for what is spread over
/// several files or named twice.
std::vector<ZipEntry> zip_entries(InputFile& file);

/// A member's bytes as they were before they were packed.
class ZipMember final : public ByteSource {
 public:
  ZipMember(InputFile& file, const ZipEntry& entry);
  int64_t left() const override { return left_; }
  void read(void* to, int64_t bytes, const char* what) override;
  /// Throws Error unless all was read, with the right checksum, and nothing packed is left.
  void finish();
  Error error(const std::string& why) const override;

 private:
  InputFile& file_;
  const ZipEntry& entry_;
  std::optional<Inflate> inflate_;
  int64_t left_;
  uint32_t crc_ = 0;
};

}  // namespace scoregrad
