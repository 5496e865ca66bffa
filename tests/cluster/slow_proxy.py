#!/usr/bin/env python3
"""slow_proxy.py HOST PORT [HOST]: a way to the server at HOST:PORT, listening at the last HOST on a port that it prints, which
can be slow. Each line of standard input is how many bytes a second pass in each direction of a connection from then on; 0: as
many as come. Ends with its input."""
import asyncio
import sys

rate = 0


async def pass_on(reader, writer):
    try:
        while True:
            data = await reader.read(min(rate, 65536) // 4 or 65536)
            if not data:
                break
            if rate:
                await asyncio.sleep(len(data) / rate)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))


def obey(loop):
    global rate
    line = sys.stdin.readline()
    if line:
        rate = int(line)
    else:
        loop.stop()


async def main():
    server = await asyncio.start_server(serve, sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)


loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.add_reader(sys.stdin.fileno(), obey, loop)
loop.run_forever()
