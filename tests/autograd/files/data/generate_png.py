"""PNG files as Pillow writes them, and the levels that Pillow reads from them, for tests/autograd/files/png.cpp.

    python -m venv v && v/bin/pip install pillow numpy && v/bin/python generate_png.py

png/KIND.png, and in png/levels.npz by KIND what it shows on white: [1, h, w] or [3, h, w], 0 .. 255. deep.png has 16 bits a channel.
"""
import pathlib

import numpy as np
from PIL import Image

folder = pathlib.Path(__file__).parent / "png"
folder.mkdir(exist_ok=True)
rng = np.random.default_rng(3)
h, w = 5, 7
grey = rng.integers(0, 256, (h, w), dtype=np.uint8)
rgb = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
alpha = rng.choice([0, 255], (h, w)).astype(np.uint8)  # between them every reader rounds as it likes
pictures = {
    "grey": Image.fromarray(grey),
    "bits": Image.fromarray(grey > 127),
    "rgb": Image.fromarray(rgb),
    "palette": Image.fromarray(rgb).quantize(16),
    "grey_alpha": Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]),
    "rgb_alpha": Image.merge("RGBA", [*Image.fromarray(rgb).split(), Image.fromarray(alpha)]),
}
levels = {}
for kind, picture in pictures.items():
    picture.save(folder / f"{kind}.png")
    back = Image.open(folder / f"{kind}.png")
    if back.mode in ("LA", "RGBA"):
        back = Image.alpha_composite(Image.new("RGBA", back.size, "white"), back.convert("RGBA"))
        back = back.convert("L" if kind == "grey_alpha" else "RGB")
    pixels = np.asarray(back.convert("L" if back.mode in ("1", "L") else "RGB"))
    levels[kind] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
Image.fromarray(rng.integers(0, 65536, (h, w), dtype=np.uint16)).save(folder / "deep.png")
np.savez(folder / "levels.npz", **levels)
