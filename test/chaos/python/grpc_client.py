# Calls the gRPC service demo.Orders of the test with grpcio (C-core), and prints what it saw as one line of JSON.
# Arguments: address of a node, token, number of calls. Messages are plain bytes, so that no protobuf library is needed.

import json
import queue
import sys
import threading

import grpc

address, token, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
channel = grpc.insecure_channel(address)
metadata = [("authorization", "Bearer " + token)]
get = channel.unary_unary("/demo.Orders/Get")
list_orders = channel.unary_stream("/demo.Orders/List")
total = channel.stream_unary("/demo.Orders/Sum")
chat = channel.stream_stream("/demo.Orders/Chat")


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().value[0], error.details()]
    return [0, ""]


seen = {}
large = b"x" * 3_000_000
reply, call = get.with_call(large, metadata=metadata + [("x-echo-bin", b"\x00\xfe,")])
seen["large"] = reply == large
seen["bytes"] = [dict(fields)["x-echo-bin"] == b"\x00\xfe," for fields in (call.initial_metadata(), call.trailing_metadata())]
seen["failed"] = code_of(lambda: get(b"fail", metadata=metadata))
seen["aborted"] = code_of(lambda: list(chat(iter([b"one", b"fail"]), metadata=metadata)))
seen["deadline"] = code_of(lambda: get(b"never", metadata=metadata, timeout=0.5))[0]
seen["missing"] = code_of(lambda: get(b"x"))[0]

cancelled = list_orders(b"1+", metadata=metadata)
next(cancelled)
cancelled.cancel()
seen["cancelled"] = code_of(lambda: list(cancelled))[0]

wrong = 0
work = queue.Queue()
for i in range(count):
    work.put(i)


def is_right(i):
    text = str(i).encode()
    if i % 4 == 0:
        return get(text, metadata=metadata) == text
    if i % 4 == 1:
        return list(list_orders(str(i % 10).encode(), metadata=metadata)) == [str(n).encode() for n in range(i % 10)]
    if i % 4 == 2:
        return total(iter([text] * 3), metadata=metadata) == b"3 %d" % (3 * len(text))
    return list(chat(iter([text] * 3), metadata=metadata)) == [text] * 3


def run():
    global wrong
    while True:
        try:
            i = work.get_nowait()
        except queue.Empty:
            return
        try:
            right = is_right(i)
        except grpc.RpcError as error:
            print(i, error.code(), error.details(), file=sys.stderr)
            right = False
        if not right:
            wrong += 1


workers = [threading.Thread(target=run) for _ in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
seen["wrong"] = wrong

# The test revokes the token when it reads the first line.
stream = list_orders(b"1+", metadata=metadata)
next(stream)
print("ready", flush=True)
seen["revoked"] = code_of(lambda: list(stream))[0]
print(json.dumps(seen), flush=True)
