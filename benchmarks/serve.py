"""The server under load: many clients that stream at the same time.

    python benchmarks/serve.py RUN [--clients 200] [--tokens 32]

Starts `hornbook serve RUN` on loopback, lets all clients ask at once,
and prints how long they waited and what memory the server came to. It
fails when a client does not hear `[DONE]` within a minute. Another
line asks more than the queue holds, and counts who is told to wait.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import psutil

START = "from hornbook.cli import start; start()"
MOST_SECONDS = 60.0


async def talk(
    port: int, model: str, tokens: int, seed: int
) -> dict[str, Any]:
    """Stream one answer; say when it began, ended, and how."""
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "What is a hat?"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": tokens,
            "temperature": 1.0,
            "seed": seed,
        }
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + body)
    first, heard = 0.0, b""
    while chunk := await reader.read(65536):
        heard += chunk
        if not first and b'"content":"' in heard:
            first = time.perf_counter() - begun
    writer.close()
    used = heard.rpartition(b'"completion_tokens":')[2]
    digits = used.partition(b",")[0]
    return {
        "status": int(heard[9:12]),
        "done": b"data: [DONE]" in heard,
        "first": first,
        "seconds": time.perf_counter() - begun,
        "tokens": int(digits) if digits.isdigit() else 0,
    }


async def crowd(
    port: int, model: str, clients: int, tokens: int
) -> list[dict[str, Any]]:
    """Let all clients ask at the same moment."""
    asked = (talk(port, model, tokens, n) for n in range(clients))
    return await asyncio.gather(*asked)


def report(told: list[dict[str, Any]], resident: int) -> None:
    """Print one table of what the clients saw."""
    seconds = sorted(one["seconds"] for one in told)
    first = sorted(one["first"] for one in told if one["first"])
    tokens = sum(one["tokens"] for one in told)
    served = sum(one["done"] for one in told)
    refused = sum(one["status"] == 429 for one in told)
    rows = {
        "clients": f"{len(told)}",
        "ended by [DONE]": f"{served}",
        "told to wait (429)": f"{refused}",
        "tokens": f"{tokens}",
        "first token, median": f"{statistics.median(first):.2f} s",
        "last client": f"{seconds[-1]:.2f} s",
        "tokens a second": f"{tokens / seconds[-1]:.0f}",
        "memory of the server": f"{resident / 1e6:.0f} MB",
    }
    for name, value in rows.items():
        print(f"  {name:<22}{value:>10}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    command = [sys.executable, "-c", START, "serve", options.run]
    with subprocess.Popen(
        [*command, "--port", "0"], stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        # Wait for its first line, which has the address
        assert process.stderr is not None
        words = process.stderr.readline().split()
        port, model = int(words[0].rpartition(":")[2]), words[-1]
        server = psutil.Process(process.pid)
        failed = False
        try:
            for clients in (1, options.clients, 400):
                told = asyncio.run(
                    crowd(port, model, clients, options.tokens)
                )
                report(told, server.memory_info().rss)
                print()
                ended = sum(one["done"] for one in told)
                slowest = max(one["seconds"] for one in told)
                failed |= slowest > MOST_SECONDS
                failed |= clients <= 256 and ended < clients
        finally:
            process.terminate()
    print("failed" if failed else "every client was served in time")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
