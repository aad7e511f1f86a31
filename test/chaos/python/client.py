"""Exchanges messages over a WebSocket with python3-websockets, and prints what it saw as JSON."""
import asyncio
import json
import sys

import websockets


async def main(url: str, token: str) -> None:
    seen = {"version": websockets.__version__}
    headers = {"Authorization": f"Bearer {token}"}
    options = {"additional_headers": headers, "subprotocols": ["chat.v2"], "max_size": None}
    async with websockets.connect(url, **options) as socket:
        seen["subprotocol"] = socket.subprotocol
        seen["extensions"] = socket.response.headers.get("Sec-WebSocket-Extensions")
        sent = ["text", "é" * 40_000, b"\x00\xff", "", b"x" * 300_000]
        for message in sent:
            await socket.send(message)
        # One message in three fragments.
        await socket.send(["one", "two", "three"])
        seen["same"] = [await socket.recv() == message for message in [*sent, "onetwothree"]]
        await (await socket.ping())
        seen["pong"] = True
        await socket.send("close me")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            seen["closed"] = [closed.rcvd.code, closed.rcvd.reason]
    try:
        async with websockets.connect(url):
            seen["refused"] = None
    except websockets.InvalidStatus as refused:
        seen["refused"] = refused.response.status_code
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
