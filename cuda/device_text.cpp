#include "cuda/device_text.h"

namespace scoregrad::on_cuda {

const DeviceText device_texts[] = {
#include "scoregrad/device_text.inc"
};
const int device_text_count = sizeof device_texts / sizeof device_texts[0];

}  // namespace scoregrad::on_cuda
