"""A WebSocket service with python3-websockets: returns each message, and closes on request. Prints its port."""
import asyncio

from websockets.asyncio.server import serve


async def echo(socket) -> None:
    async for message in socket:
        if message == "close me":
            await socket.close(4242, "as requested")
            return
        await socket.send(message)


async def main() -> None:
    async with serve(echo, "127.0.0.1", 0, subprotocols=["chat.v2"], max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
