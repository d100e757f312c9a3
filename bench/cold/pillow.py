"""The app's renderer: what antenna does with Pillow, one label at a time.

Says "ready". Is then asked by a line "WIDTH LENGTH" and an original of so many
bytes, and answers by a line "WIDTH HEIGHT LENGTH" and a JPEG of so many bytes,
until its input ends.
"""

import io
import sys

from PIL import Image


def thumbnail(original, width):
    im = Image.open(io.BytesIO(original))
    if im.mode not in ("L", "RGB", "CMYK"):
        im = im.convert("RGB")
    im.thumbnail((width, im.size[1] * width // im.size[0]))
    out = io.BytesIO()
    im.save(out, "JPEG", progressive=True, optimize=True, quality=82)
    return im.size, out.getvalue()


Image.init()
print("ready", flush=True)
for line in sys.stdin.buffer:
    width, length = map(int, line.split())
    size, jpeg = thumbnail(sys.stdin.buffer.read(length), width)
    sys.stdout.buffer.write(b"%d %d %d\n" % (*size, len(jpeg)))
    sys.stdout.buffer.write(jpeg)
    sys.stdout.buffer.flush()
