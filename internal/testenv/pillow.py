"""What the real app does with Pillow, and pictures to do it with: see pillow.go."""
import io
import sys

from PIL import Image

what, args = sys.argv[1], sys.argv[2:]
out = io.BytesIO()
if what == "thumbnail":
    width, height = int(args[0]), int(args[1])
    image = Image.open(io.BytesIO(sys.stdin.buffer.read()))
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    image.thumbnail((width, height or sys.maxsize))
    image.save(out, "JPEG", progressive=True, optimize=True, quality=82)
    sys.stdout.buffer.write(b"%d %d\n" % image.size)
else:
    options = dict(option.split("=") for option in args[2:])
    image = Image.linear_gradient("L").resize((1200, 800)).convert(args[1])
    image.save(out, args[0], **options)
sys.stdout.buffer.write(out.getvalue())
