"""The control socket with real clients, good and bad."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deepeyes_tui.link.control import MAX_WAITING, ControlClient, ControlError, ControlServer
from deepeyes_tui.link.errors import NobodyListensError
from deepeyes_tui.link.messages import (
    MAX_LINE,
    Action,
    Command,
    MessageError,
    Outcome,
    decode_command,
    decode_outcome,
    encode,
)
from deepeyes_tui.link.runs import claim_run
from deepeyes_tui.link.serving import MAX_CLIENTS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control"


@contextmanager
def training(server):
    """A thread that answers each command, as a training loop does."""
    going = threading.Event()
    going.set()

    def loop():
        while going.is_set():
            if server.wait(0.02):
                for request in server.pending():
                    command = request.command
                    server.answer(request, Outcome(command.id, True, f"{command.action} for {command.sender}", 7))

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        going.clear()
        thread.join()


@pytest.fixture
def server(path):
    server = ControlServer(path)
    with training(server):
        yield server
    server.close()


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(str(path))
    return client


def read_all(client):
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except (TimeoutError, ConnectionError):
        pass
    return data


def still_answers(path):
    started = time.monotonic()
    outcome = ControlClient(path).send(Command(Action.PAUSE, sender="me"), 5)
    assert outcome.ok
    assert time.monotonic() - started < 1


def test_a_command_and_its_outcome(server, path):
    outcome = ControlClient(path).send(Command(Action.RESET, {"layer": "fc"}, sender="me"))
    assert (outcome.ok, outcome.message, outcome.step) == (True, "reset for me", 7)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_command_from_an_event_loop(server, path):
    client = ControlClient(path)
    outcomes = await asyncio.gather(*(client.send_async(Command(Action.PAUSE, sender=str(n))) for n in range(20)))
    assert [outcome.message for outcome in outcomes] == [f"pause for {n}" for n in range(20)]


def test_many_commands_on_one_connection(server, path):
    with connected(path) as client:
        lines = b"".join(encode(Command("pause", id=number)) for number in range(1, 51))
        for at in range(0, len(lines), 7):
            client.sendall(lines[at : at + 7])
        answers = client.makefile("rb")
        assert sorted(decode_outcome(answers.readline()).id for _ in range(50)) == list(range(1, 51))


def test_an_empty_queue_costs_next_to_nothing(path):
    server = ControlServer(path)
    started = time.perf_counter()
    for _ in range(10_000):
        server.pending()
    assert time.perf_counter() - started < 0.2
    assert server.wait(0.0) is False
    server.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff\x80garbage\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"action": 5}\n',
        b'{"action": ""}\n',
        b'{"action": "pause", "arguments": []}\n',
        b'{"action": "pause", "id": "x"}\n',
        b'{"action": "pause", "id": 1e400}\n',
        b"[" * 60_000 + b"\n",
    ],
)
def test_garbage_is_answered_and_dismissed(server, path, data):
    with connected(path) as client:
        client.sendall(data)
        outcome = decode_outcome(read_all(client))
        assert not outcome.ok
        assert outcome.message
    still_answers(path)


def test_ten_megabytes_without_an_end(server, path):
    with connected(path) as client:
        try:
            for _ in range(160):
                client.sendall(b"x" * 65536)
        except ConnectionError:
            pass
        still_answers(path)


def test_ten_megabytes_of_empty_lines(server, path):
    with connected(path) as client:
        with suppress(ConnectionError):
            for _ in range(160):
                client.sendall(b"\n" * 65536)
        still_answers(path)


def test_half_a_line_and_gone(server, path):
    with connected(path) as client:
        client.sendall(b'{"action": "pa')
    still_answers(path)


def test_half_a_line_and_silence(server, path):
    with connected(path) as client:
        client.sendall(b'{"action": "pa')
        still_answers(path)
        client.sendall(b'use", "id": 3}\n')
        assert decode_outcome(client.makefile("rb").readline()).id == 3


def test_a_client_that_never_reads(server, path):
    with connected(path) as client:
        client.setblocking(False)
        line = encode(Command("pause", sender="y" * 150, id=1))
        sent = 0
        deadline = time.monotonic() + 5
        while sent < 3000 and time.monotonic() < deadline:
            try:
                client.send(line)
                sent += 1
            except BlockingIOError:
                time.sleep(0.001)
            except ConnectionError:
                break
        deadline = time.monotonic() + 5
        while is_crowded(path):
            assert time.monotonic() < deadline
        still_answers(path)


def is_crowded(path):
    """Return whether commands are refused for all those that wait."""
    outcome = ControlClient(path).send(Command(Action.PAUSE, sender="me"), 5)
    return not outcome.ok and "commands are waiting already" in outcome.message


def test_a_flood_of_commands_is_refused_when_nobody_acts(path):
    server = ControlServer(path)
    with connected(path) as client:
        client.sendall(b"".join(encode(Command("pause", id=n)) for n in range(1, MAX_WAITING + 50)))
        answers = client.makefile("rb")
        refused = [decode_outcome(answers.readline()) for _ in range(49)]
        assert all("waiting" in outcome.message and not outcome.ok for outcome in refused)
        assert len(server.pending()) == MAX_WAITING
    server.close()


def test_idle_clients_make_room_for_new_ones(server, path):
    crowd = [connected(path) for _ in range(3 * MAX_CLIENTS)]
    still_answers(path)
    for client in crowd:
        client.close()
    still_answers(path)


def test_who_waits_for_an_answer_is_not_pushed_out(path):
    server = ControlServer(path)
    crowd = []
    for number in range(MAX_CLIENTS):
        crowd.append(connected(path))
        crowd[-1].sendall(encode(Command("pause", id=number + 1)))
    while len(server._queue) < MAX_CLIENTS:
        time.sleep(0.005)
    with connected(path) as late:
        assert "viewers are connected" in decode_outcome(read_all(late)).message
    for request in server.pending():
        server.answer(request, Outcome(request.command.id, True, "done"))
    for number, client in enumerate(crowd):
        assert decode_outcome(client.makefile("rb").readline()).id == number + 1
        client.close()
    server.close()


def test_control_off_refuses_at_once(path):
    server = ControlServer(path, allowed=False)
    outcome = ControlClient(path).send(Command(Action.STOP), 2)
    assert not outcome.ok
    assert "takes no commands" in outcome.message
    assert server.pending() == []
    server.close()


def test_a_long_step_times_out_and_the_command_stays(path):
    server = ControlServer(path)
    with pytest.raises(ControlError, match=r"no answer within 0\.1 s"):
        ControlClient(path).send(Command(Action.PAUSE), 0.1)
    (request,) = server.pending()
    server.answer(request, Outcome(request.command.id, True, "late"))
    server.close()


async def test_a_long_step_times_out_in_an_event_loop(path):
    server = ControlServer(path)
    with pytest.raises(ControlError, match=r"no answer within 0\.1 s"):
        await ControlClient(path).send_async(Command(Action.PAUSE), 0.1)
    server.close()


async def test_nobody_listens(path, tmp_path):
    with pytest.raises(ControlError, match="the run is gone"):
        ControlClient(path).send(Command(Action.PAUSE))
    with pytest.raises(ControlError, match="the run is gone"):
        await ControlClient(path).send_async(Command(Action.PAUSE))
    with pytest.raises(ControlError, match="the run is gone"):
        ControlClient(tmp_path / "no" / "folder" / ("x" * 120)).send(Command(Action.PAUSE))


async def test_a_run_that_is_there_but_does_not_listen_yet_is_not_called_gone():
    run = claim_run("demo")
    with pytest.raises(NobodyListensError, match="the run is starting"):
        ControlClient(run.control).send(Command(Action.PAUSE))
    with pytest.raises(NobodyListensError, match="the run is starting"):
        await ControlClient(run.control).send_async(Command(Action.PAUSE))


def test_the_end_answers_what_was_waiting(path):
    server = ControlServer(path)
    with connected(path) as client:
        client.sendall(encode(Command("pause", id=9)))
        while not server.wait(0.01):
            pass
        server.close()
        server.close()
        outcome = decode_outcome(read_all(client))
    assert (outcome.id, outcome.ok, outcome.message) == (9, False, "the run has ended")
    assert not path.exists()
    assert server.pending() == []


def test_a_server_that_answers_nonsense(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer():
        for reply in (b"what?\n", b"x" * 200_000):
            connection, _ = listener.accept()
            connection.recv(1000)
            try:
                connection.sendall(reply)
            except ConnectionError:
                pass
            connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(2):
        with pytest.raises(ControlError):
            ControlClient(path).send(Command(Action.PAUSE), 2)
    thread.join()
    listener.close()


def test_a_left_over_socket_is_replaced_and_a_live_one_is_not(path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    server = ControlServer(path)
    with pytest.raises(ControlError, match="cannot be made"):
        ControlServer(path)
    server.close()


def test_a_path_longer_than_a_socket_address(tmp_path):
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    server = ControlServer(folder / "control")
    with training(server):
        still_answers(folder / "control")
        asyncio.run(ControlClient(folder / "control").send_async(Command("pause")))
    server.close()


def test_no_folder(tmp_path):
    with pytest.raises(ControlError, match="cannot be made"):
        ControlServer(tmp_path / "nowhere" / "control")


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_is_refused(server, path):
    script = (
        "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
        "folder = os.open(sys.argv[1], os.O_RDONLY)\nos.setgid(12345); os.setuid(12345)\n"
        "s.connect(f'/proc/self/fd/{folder}/control'); s.settimeout(5)\n"
        's.sendall(b\'{"action": "stop"}\\n\'); print(s.recv(1000).decode())'
    )
    path.chmod(0o666)
    path.parent.chmod(0o755)
    closed = [parent for parent in path.parents if parent.stat().st_mode & 0o001 == 0]
    for parent in closed:
        parent.chmod(parent.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", script, path.parent], capture_output=True, text=True)
    answer = done.stdout or done.stderr
    assert "belongs to another user" in answer or "Permission" in answer or "BrokenPipe" in answer, answer
    still_answers(path)


@pytest.mark.process
def test_a_forked_worker_neither_answers_nor_holds_the_socket(path):
    server = ControlServer(path)
    with training(server):
        still_answers(path)
        with connected(path) as client:
            time.sleep(0.05)
            ready, tell = os.pipe()
            before = open_sockets()
            child = os.fork()
            if child == 0:
                server.close()
                held = open_sockets()
                os.write(tell, json.dumps([server.pending(), held]).encode())
                os._exit(0)
            pending, sockets = json.loads(os.read(ready, 1000))
            os.waitpid(child, 0)
            assert pending == []
            assert path.exists()
            client.sendall(encode(Command("pause", id=5)))
            assert decode_outcome(client.makefile("rb").readline()).id == 5
        still_answers(path)
    server.close()
    assert before - sockets == 4


def open_sockets():
    """Count the sockets that this process holds."""
    return sum("socket:" in str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())


def test_messages_come_back():
    command = Command("reset", {"layer": "ü\n", "n": [1, None, 2.5]}, 12, "me")
    assert decode_command(encode(command)) == command
    outcome = Outcome(3, False, "no\nway", 8)
    assert decode_outcome(encode(outcome)) == outcome
    assert encode(command).count(b"\n") == 1


def test_what_cannot_be_said():
    with pytest.raises(MessageError, match="longer"):
        encode(Command("reset", {"layer": "x" * MAX_LINE}))
    with pytest.raises(MessageError, match="JSON"):
        encode(Command("reset", {"layer": object()}))
    with pytest.raises(MessageError):
        decode_outcome(b'{"id": 1, "ok": 1, "message": "x"}')


def test_control_off_lets_a_viewer_choose_what_it_sees(path):
    server = ControlServer(path, allowed=False)
    sent = [Command(Action.FOCUS, {"layer": "conv2"}, id=7), Command(Action.STATUS, id=8)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
        for command in sent:
            client.sendall(encode(command))
        waiting = []
        while len(waiting) < len(sent):
            server.wait(1)
            waiting += server.pending()
    assert [request.command for request in waiting] == sent
    server.close()


def test_sockets_that_a_script_closes_are_nobody_s_any_more(path, tmp_path):
    server = ControlServer(path)
    client = connected(path)
    client.sendall(b"{")
    time.sleep(0.05)
    theirs = (
        server._loop._listener,
        server._loop._woken,
        server._loop._waker,
        *(c.connection for c in server._loop._clients),
    )
    numbers = [end.fileno() for end in theirs]
    assert server.notice == ""
    for number in numbers:
        os.closerange(number, number + 1)  # as scripts do; the server may have let go of the others by then
    file = os.open(tmp_path / "user's", os.O_RDWR | os.O_CREAT)
    for number in numbers:
        if number != file:
            os.dup2(file, number)
    with suppress(BrokenPipeError):
        client.sendall(b"}\n")
    assert "closed descriptors" in server.notice
    started = time.monotonic()
    server.close()
    assert time.monotonic() - started < 0.5
    deadline = time.monotonic() + 5
    while server._thread.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    del server, theirs
    assert os.write(file, b"mine") == 4
    for number in {*numbers, file}:
        os.fstat(number)
        os.close(number)
    assert (tmp_path / "user's").read_bytes() == b"mine"
    client.close()
