// NumPy's .npz archives: a zip file with a .npy file for each array.   (APPNOTE.TXT 6.3.10 of PKWARE)
#pragma once
#include "autograd/files/inflate.h"
#include "autograd/files/named.h"

namespace scoregrad {

/// Writes the tensors uncompressed, as numpy.savez does; the file appears complete or not at all. Throws Error if it cannot be written, and
/// for a name that is not UTF-8 or a tensor of 4 GiB or more.
void save_npz(const std::string& path, const NamedTensors& tensors, Where at = Where::here());

/// Reads the arrays to the CPU, stored or deflated, with the element types of load_npy; members of other kinds are listed in `unread`, with
/// the reason. Deflated members may unpack to `most` bytes together. Throws Error naming file, member and fault if it is not a complete
/// archive, if checksums differ, members overlap or share a name, or for deflated members in a build without zlib.
LoadedTensors load_npz(const std::string& path, int64_t most = unpacked_at_most, Where at = Where::here());

}  // namespace scoregrad
