// The headers that generated kernels include, as text: what cmake/device_text.cmake lists.
#pragma once

namespace scoregrad::on_cuda {

struct DeviceText {
  const char *path, *text;
};
extern const DeviceText device_texts[];
extern const int device_text_count;

}  // namespace scoregrad::on_cuda
