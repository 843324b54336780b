# A ZeroMQ publisher that does what standard input says, one command a line, and answers each with a line:
#   wait N              until N subscriptions have been seen since the start
#   send HEX [HEX...]   a message of as many parts
#   close               until everything is in the kernel's hands, and the end
import sys
import zmq

context = zmq.Context()
# XPUB is PUB that tells of its subscribers; on the wire they are the same.
socket = context.socket(zmq.XPUB)
socket.set(zmq.XPUB_VERBOSE, 1)
# What is published must not be dropped here, or a test would miss messages that were sent.
socket.set(zmq.SNDHWM, 0)
socket.set(zmq.LINGER, -1)
socket.bind("tcp://127.0.0.1:%s" % sys.argv[1])
seen = 0
print("bound", flush=True)
for line in sys.stdin:
    command, *arguments = line.split()
    if command == "wait":
        while seen < int(arguments[0]):
            if not socket.poll(30_000):
                print("nobody subscribes", flush=True)
                sys.exit(1)
            seen += socket.recv()[:1] == b"\1"
        print("ok", flush=True)
    elif command == "send":
        socket.send_multipart([bytes.fromhex(part.strip(".")) for part in arguments])
        print("ok", flush=True)
    elif command == "close":
        socket.close()
        context.term()
        print("ok", flush=True)
        break
