#!/usr/bin/env python3
"""A small MCP server without packages: it converts units. Messages are lines of JSON on its standard input and output."""
import json
import sys

FACTORS = {"mile": 1.609344, "foot": 0.0003048, "kilometre": 1.0}

TOOLS = [
    {
        "name": "convert",
        "description": "Converts a length.",
        "inputSchema": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "from": {"type": "string"}, "to": {"type": "string"}},
            "required": ["value", "from", "to"],
        },
    },
    {"name": "units", "description": "Lists the units.", "inputSchema": {"type": "object"}},
]


def call(name, given):
    """The result of a tool: blocks of content, and data."""
    if name == "units":
        return {"content": [{"type": "text", "text": unit} for unit in sorted(FACTORS)]}
    for unit in (given["from"], given["to"]):
        if unit not in FACTORS:
            return {"content": [{"type": "text", "text": f"there is no unit {unit}"}], "isError": True}
    value = round(given["value"] * FACTORS[given["from"]] / FACTORS[given["to"]], 3)
    text = f"{given['value']} {given['from']} = {value} {given['to']}"
    return {"content": [{"type": "text", "text": text}], "structuredContent": {"value": value}}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "units", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return call(params["name"], params.get("arguments", {}))
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params", {}))
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
