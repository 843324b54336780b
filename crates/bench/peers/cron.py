"""What ghit.me's cron did, in Python 3: every name, every count, every file, each run.

Usage: cron.py REDIS_PORT DIR. Not atomic, as it was not: a file is truncated, then written. Prints the seconds.
"""
import locale
import os
import sys
import time

import redis

TEMPLATE = """
<svg xmlns="http://www.w3.org/2000/svg" width="95" height="20">
  <linearGradient id="b" x2="0" y2="100%%">
    <stop offset="0" stop-color="#bbb" stop-opacity=".1"/>
    <stop offset="1" stop-opacity=".1"/>
  </linearGradient>
  <mask id="a"><rect width="95" height="20" rx="3" fill="#fff"/></mask>
  <g mask="url(#a)">
    <path fill="#555" d="M0 0h53v20H0z"/>
    <path fill="#13B28A" d="M53 0h42v20H53z"/>
    <path fill="url(#b)" d="M0 0h95v20H0z"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="DejaVu Sans,Verdana,Geneva,sans-serif" font-size="11">
    <text x="26.5" y="15" fill="#010101" fill-opacity=".3">hits</text>
    <text x="26.5" y="14">hits</text>
    <text x="73" y="15" fill="#010101" fill-opacity=".3">
      %(count)s
    </text>
    <text x="73" y="14">
      %(count)s
    </text>
  </g>
</svg>
"""


def main(port, directory):
    locale.setlocale(locale.LC_ALL, "")
    client = redis.StrictRedis(port=port, decode_responses=True)
    begin = time.monotonic()
    names = list(client.smembers("repos"))
    counts = client.mget(["repo:" + name for name in names])
    for name, count in zip(names, counts):
        text = TEMPLATE % {"count": locale.format_string("%d", int(count), grouping=True)}
        with open(os.path.join(directory, name + ".svg"), "wb") as file:
            file.write(text.encode())
    print("%.6f" % (time.monotonic() - begin))


main(int(sys.argv[1]), sys.argv[2])
