"""Views that say what arrived.

A request with a header X-Delivery is written down in the file "deliveries", a line
when it reaches its view and another when its body was read: that counts over all
workers, and outlives them.
"""

import hashlib
import os

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition

BLOCK = bytes(range(256)) * 256


def note(request, what):
    delivery = request.headers.get("X-Delivery")
    if delivery:
        with open("deliveries", "ab", buffering=0) as file:
            file.write(f"{what} {delivery}\n".encode())


def read(request):
    """Reads the body as DRF's parsers do, and returns its length and digest."""
    length, digest = 0, hashlib.sha256()
    while True:
        part = request.read(1 << 16)
        if not part:
            return length, digest.hexdigest()
        length += len(part)
        digest.update(part)


def arrival(request, pk=None):
    """Answers with what arrived, whatever it was."""
    note(request, "begun")
    length, digest = read(request)
    note(request, "whole" if str(length) == request.META.get("CONTENT_LENGTH", "") else f"got-{length}")
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "path_info": request.path_info,
            "script_name": request.META.get("SCRIPT_NAME", ""),
            "query": request.META.get("QUERY_STRING", ""),
            "scheme": request.scheme,
            "host": request.META.get("HTTP_HOST"),
            "route": request.resolver_match.url_name,
            "content_length": request.META.get("CONTENT_LENGTH", ""),
            "length": length,
            "sha256": digest,
            "headers": dict(request.headers),
            "pid": os.getpid(),
        }
    )


def gallery(request, pk):
    """A captures list of one, with route URLs as the app writes them, compressed and
    conditional by Django's own means: its entity tag is "v1"."""
    route = request.build_absolute_uri(f"/api/v2/captures/thumbnails/{pk}/")
    thumbnails = {label: f"{route}?label={label}" for label in ("small", "medium", "large")}
    return JsonResponse({"count": 1, "results": [{"id": pk, "thumbnails": thumbnails}], "filler": "night " * 200})


conditional_gallery = gzip_page(condition(etag_func=lambda request, pk: '"v1"')(gallery))


def nonce(request):
    return HttpResponse(os.environ["DJANGO_NONCE"])


def download(request, size):
    """Gives that many bytes, the numbers from 0 to 255 over and over; ?length=no
    leaves their number out."""
    note(request, "begun")

    def blocks():
        left = size
        while left > 0:
            yield BLOCK[: min(left, len(BLOCK))]
            left -= len(BLOCK)
        note(request, "given")

    response = StreamingHttpResponse(blocks(), content_type="application/octet-stream")
    if request.GET.get("length") != "no":
        response["Content-Length"] = str(size)
    return response


def events(request, name):
    """Sends each line that comes out of a named pipe as soon as it is there."""

    def lines():
        with open(f"pipe-{name}", "rb", buffering=0) as pipe:
            while True:
                line = pipe.readline()
                if not line:
                    return
                yield b"data: " + line + b"\n"

    return StreamingHttpResponse(lines(), content_type="text/event-stream")


def poll(request, name):
    """Answers with the first line that comes out of a named pipe."""
    with open(f"pipe-{name}", "rb", buffering=0) as pipe:
        return HttpResponse(pipe.readline())


def early(request, status):
    """Answers without reading the body."""
    note(request, "begun")
    return JsonResponse({"detail": "No."}, status=status)


def die(request):
    """Ends the worker: at once, or ?after that many bytes of an answer of a
    million, or when the body was ?read."""
    note(request, "begun")
    if request.GET.get("read"):
        read(request)
        note(request, "read")
    after = request.GET.get("after")
    if after is None:
        os._exit(7)

    def blocks():
        yield b"x" * int(after)
        os._exit(7)

    response = StreamingHttpResponse(blocks(), content_type="application/octet-stream")
    response["Content-Length"] = "1000000"
    return response
