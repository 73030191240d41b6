// safetensors files, as the networks of other programs come in.   (github.com/huggingface/safetensors, format of version 0.4)
#pragma once
#include "autograd/files/named.h"

namespace scoregrad {

/// Writes the tensors in the order and with the bytes of the original library; the file appears complete or not at all. `metadata` may say
/// anything. Throws Error if it cannot be written, and for a name or text that is not UTF-8.
void save_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata = {}, Where at = Where::here());

/// Reads the tensors to the CPU. F32, F64, I64 and BOOL keep their type; F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become float32, I8 I16 I32
/// U8 U16 U32 int64, U64 too if its values fit; tensors of other types are listed in `unread`, with the reason. Throws Error naming file,
/// byte and fault if the header is not exactly of the format, or tensors overlap or leave gaps.
LoadedTensors load_safetensors(const std::string& path, Where at = Where::here());

/// Throws what save_safetensors would throw before it writes: for names, texts and undefined tensors.
void check_safetensors(const std::string& path, const NamedTensors& tensors, const Texts& metadata = {}, Where at = Where::here());

/// The metadata of a file alone.
Texts safetensors_metadata(const std::string& path, Where at = Where::here());

}  // namespace scoregrad
