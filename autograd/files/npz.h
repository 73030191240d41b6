// NumPy's .npz archives: a zip file with a .npy file for each array.   (APPNOTE.TXT 6.3.10 of PKWARE)
#pragma once
#include "autograd/files/named.h"

namespace scoregrad {

/// Writes the tensors uncompressed, as numpy.savez does; the file appears complete or not at all. Throws Error if it cannot be written, and
/// for a tensor of 4 GiB or more.
void save_npz(const std::string& path, const NamedTensors& tensors, Where at = Where::here());

/// Reads all arrays to the CPU, stored or deflated, with the element types of load_npy. Throws Error naming file, member and fault if it is
/// not a complete archive of these, if checksums differ, members overlap or share a name, or for deflated members in a build without zlib.
NamedTensors load_npz(const std::string& path, Where at = Where::here());

}  // namespace scoregrad
