#!/usr/bin/env python3
"""A server of the Model Context Protocol over standard input and output, for tests.

It does what the specification says of servers and, when asked, what no server should. Written from the specification
(https://modelcontextprotocol.io/specification/2025-06-18), not from the client that it tests.

usage: tool_server.py [--log FILE] [--version V] [--pages N] [--mute] [--deaf] [--child] [--chatty]

--log      appends every line it reads, and `pid N` first
--version  answers initialize with this revision instead of the one asked for
--pages    spreads its tools over so many pages
--mute     never answers initialize
--deaf     goes on after its input has closed, and after SIGTERM
--child    starts a program that sleeps, and logs `child N`
--chatty   says something on its error output as it starts
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time

options = argparse.ArgumentParser()
options.add_argument("--log")
options.add_argument("--version")
options.add_argument("--pages", type=int, default=1)
options.add_argument("--mute", action="store_true")
options.add_argument("--deaf", action="store_true")
options.add_argument("--child", action="store_true")
options.add_argument("--chatty", action="store_true")
options = options.parse_args()


def log(line):
    if options.log:
        with open(options.log, "a") as file:
            file.write(line + "\n")


def write(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(id, result):
    write({"jsonrpc": "2.0", "id": id, "result": result})


def refuse(id, code, message, data=None):
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    write({"jsonrpc": "2.0", "id": id, "error": error})


def text(*texts, **more):
    return {"content": [{"type": "text", "text": one} for one in texts], **more}


NAMES = [
    "ask", "die", "echo", "environment", "fail", "folder", "garbage", "hold", "picture", "progress", "refuse", "release",
    "silent", "structured",
]
held = {}
asked = {}


def schema(name):
    return {
        "name": name,
        "description": f"does {name}",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    }


def page(cursor):
    tools = [schema(name) for name in NAMES]
    tools[2]["title"] = "Echo"
    tools[2]["annotations"] = {"readOnlyHint": True}
    size = -(-len(tools) // options.pages)
    start = int(cursor) if cursor else 0
    result = {"tools": tools[start : start + size]}
    if start + size < len(tools):
        result["nextCursor"] = str(start + size)
    return result


def garbage(id, kind):
    out = sys.stdout
    if kind == "text":
        out.write("Listening on port 80\n")
    elif kind == "list":
        out.write("[1, 2]\n")
    elif kind == "id":
        answer(4711, {})
    elif kind == "name":
        answer(str(id), {})
    elif kind == "neither":
        write({"jsonrpc": "2.0", "id": id})
    elif kind == "unknown":
        write({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}})
    elif kind == "latin":
        out.flush()
        out.buffer.write(b'{"jsonrpc": "2.0", "id": 1, "result": {"a": "\xe9"}}\n')
        out.buffer.flush()
    elif kind == "huge":
        out.write('"' + "x" * (17 << 20) + '"\n')
    elif kind == "endless":
        while True:
            out.write("x" * (1 << 20))
    out.flush()


def call(id, name, arguments, meta):
    given = str(arguments.get("text", ""))
    if name == "echo":
        answer(id, text(given))
    elif name == "picture":
        block = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
        answer(id, {"content": [{"type": "text", "text": "one"}, block, {"type": "text", "text": "two"}]})
    elif name == "structured":
        answer(id, text('{"sum": 3}', structuredContent={"sum": 3, "by name": {"Ada L.": 1}}, isError=False))
    elif name == "fail":
        answer(id, text("no such city", "try another", isError=True))
    elif name == "refuse":
        refuse(id, -32000, "busy", {"waitMs": 5})
    elif name == "environment":
        answer(id, text(os.environ.get(given, "none")))
    elif name == "folder":
        answer(id, text(os.getcwd()))
    elif name == "hold":
        held[given] = id
    elif name == "release":
        answer(id, text("released " + given))
        answer(held.pop(given), text("held " + given))
    elif name == "progress":
        token = meta.get("progressToken")
        for n in (1, 2):
            params = {"progressToken": token, "progress": n, "total": 2, "message": f"step {n}"}
            write({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        write({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hello"}})
        answer(id, text("done"))
    elif name == "ask":
        asked["mine"] = id
        write({"jsonrpc": "2.0", "id": "mine", "method": given, "params": {}})
    elif name == "die":
        print("opening the store", file=sys.stderr)
        print("fatal: the disk is full", file=sys.stderr)
        sys.stderr.flush()
        os._exit(3)
    elif name == "garbage":
        garbage(id, given)
    elif name == "silent":
        return
    else:
        refuse(id, -32602, "Unknown tool: " + name)


def take(message):
    method, id, params = message.get("method"), message.get("id"), message.get("params", {})
    if method is None:
        # An answer to what it asked: it is the result of the tool that asked.
        answer(asked.pop(id), text(json.dumps(message.get("result", message.get("error", {}).get("code")))))
    elif method == "initialize":
        if options.mute:
            return
        answer(
            id,
            {
                "protocolVersion": options.version or params["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "tool_server", "version": "1"},
            },
        )
    elif method == "tools/list":
        answer(id, page(params.get("cursor")))
    elif method == "tools/call":
        call(id, params["name"], params.get("arguments", {}), params.get("_meta", {}))
    elif id is not None:
        refuse(id, -32601, "Method not found")


log(f"pid {os.getpid()}")
if options.chatty:
    print("starting", file=sys.stderr, flush=True)
if options.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if options.child:
    log(f"child {subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL).pid}")
for line in sys.stdin:
    log(line.strip())
    take(json.loads(line))
while options.deaf:
    time.sleep(600)
