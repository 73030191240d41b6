// safetensors files, as the networks of other programs come in.   (github.com/huggingface/safetensors, format of version 0.4)
#pragma once
#include "autograd/files/named.h"

namespace scoregrad {

using Texts = std::map<std::string, std::string>;

/// Writes the tensors in the order and with the bytes of the original library; the file appears complete or not at all. `metadata` may say
/// anything. Throws Error if it cannot be written.
void save_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata = {}, Where at = Where::here());

/// Reads all tensors to the CPU. F32, F64, I64 and BOOL keep their type; F16 and BF16 become float32, I8 I16 I32 U8 U16 U32 int64. Throws
/// Error naming file, byte and fault if the header is not exactly of the format, tensors overlap or leave gaps, or have other types.
NamedTensors load_safetensors(const std::string& path, Where at = Where::here());

/// The metadata of a file alone.
Texts safetensors_metadata(const std::string& path, Where at = Where::here());

}  // namespace scoregrad
