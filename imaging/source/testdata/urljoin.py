"""Prints what Python's urljoin makes of every base and path below, as JSON.

Recorded with Python 3.11:  python3 testdata/urljoin.py > testdata/urljoin.json
"""
import json
import random
from urllib.parse import urljoin

BASES = [
    "https://h/a/", "https://h/a", "https://h", "https://h/", "https://h//a//b/", "https://h/a//b", "https://h/a/?q=1", "https://h/a?x=/b/",
    "https://h/a;p/b;q", "HTTPS://H:8443/a/", "http://h/a/../b/", "http://h/./a/", "https://u:p@h/a/", " https://h/a/", "https://h/a/#f",
    "/media/", "media/", "/media//x/", "//o/x/", "//o", "https://h/a b/", "https://h/a\t/\n", "https:///", "http:/a/", "?q", "#f", ";p", "https://h?q",
]
PATHS = [
    "", "b.jpg", "b//c.jpg", "b///c//d.jpg", "b/", "b//", "./b", "../b", "../../../b", "b/..", "b/.", "..", ".", "b/../c", "b//../c", "b/./c",
    "?v=1", "b?v=1", "b#f", "#f", "b;p", "b;p/c", ";p", "b;p;q?r", "a:b", "http:b", "https:b", "http://o/b", "https://o", "//o/b", "ftp://o/b",
    "cam:1/b.jpg", "2024-06-01T12:00:00.jpg", "1:2", "b c.jpg", "b%20c.jpg", "b%2F%2Fc.jpg", "100%.jpg", "é/ü.jpg", "b\\c.jpg", "b\n.jpg",
    "\tb.jpg", " b.jpg", "b ", "...", ".../b", "b/...", "b?c/../d", "b?c#d?e", "a/b/c/../../d//e", "/b", "b/..//c",
]
rng = random.Random(7)
pieces = ["a", "b.jpg", "..", ".", "", "", ";p", "?q", "#f", ":", "%2e%2e", " "]
for _ in range(400):
    PATHS.append("/".join(rng.choice(pieces) for _ in range(rng.randint(1, 6))).lstrip("/"))
cases = []
for i, path in enumerate(PATHS):
    for base in BASES if i < 52 else rng.sample(BASES, 3):
        cases.append([base, path, urljoin(base, path)])
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
