"""Pillow's side of bench/render: does what the app does, and judges pictures.

render PHOTO WIDTHS LOOPS OUT   renders, and prints CPU per loop and peak memory
psnr PHOTO PICTURE              compares with a full-quality Lanczos reference
"""

import io
import json
import resource
import sys

from PIL import Image, ImageChops, ImageStat


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def thumbnail(original, width):
    im = Image.open(io.BytesIO(original))
    if im.mode not in ("L", "RGB", "CMYK"):
        im = im.convert("RGB")
    im.thumbnail((width, im.size[1] * width // im.size[0]))
    out = io.BytesIO()
    im.save(out, "JPEG", progressive=True, optimize=True, quality=82)
    return out.getvalue()


def render(photo, widths, loops, out):
    widths = [int(w) for w in widths.split(",")]
    with open(photo, "rb") as f:
        original = f.read()
    with open("tiny.jpg", "rb") as f:
        thumbnail(f.read(), 240)  # codecs are loaded lazily
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")
    idle = memory("VmRSS:")
    best = None
    for _ in range(int(loops)):
        before = cpu()
        pictures = [thumbnail(original, w) for w in widths]
        best = min(best or 9e9, cpu() - before)
    for w, picture in zip(widths, pictures):
        with open("%s_%d.jpg" % (out, w), "wb") as f:
            f.write(picture)
    print(json.dumps({"cpu": best, "memory": memory("VmHWM:") - idle}))


def psnr(photo, picture):
    got = Image.open(picture).convert("RGB")
    want = Image.open(photo).convert("RGB").resize(got.size, Image.LANCZOS)
    stat = ImageStat.Stat(ImageChops.difference(got, want))
    mse = sum(stat.sum2) / sum(stat.count)
    print(json.dumps({"mse": mse}))


{"render": render, "psnr": psnr}[sys.argv[1]](*sys.argv[2:])
