"""A mail server that misbehaves as it is told, and writes what it accepts into a folder.

    PYTHONPATH=target/foreign/smtp python3 tests/foreign/smtp.py FOLDER [KEY=VALUE…]

Options: tls=implicit or tls=starttls with certificate=FILE and key=FILE; user=NAME and password=…
require signing in; utf8=no refuses addresses beyond ASCII.

It prints a line for each event: listening, connected, closed, told, signed-in, from, held, accepted.
Commands on stdin: "next MODE…" are the modes of the next connections, "always MODE" that of all;
"release" sends the answers that are held. Modes: well, mute (no greeting), silent (nothing after
the greeting), drip:SECONDS (that long before each byte), busy (421).

The local part of a recipient can ask for more: "later" and "never" are refused, "silent" gets no
answer; at the content, "later-dot" and "never-dot" are refused, "cut-data" and "cut-dot" are cut
off, and "hold" waits for "release".
"""

import asyncio
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

folder = Path(sys.argv[1])
options = dict(option.split("=", 1) for option in sys.argv[2:])
modes, usual = [], "well"
released = None
count = 0


def tell(*words):
    print(*words, flush=True)


class Server(SMTP):
    number = 0

    async def _handle_client(self):
        # STARTTLS begins anew on the same connection.
        if not self.number:
            global count
            count += 1
            self.number = count
            self.mode, self.speaks = modes.pop(0) if modes else usual, False
            tell("connected", self.number)
        try:
            await super()._handle_client()
        except asyncio.CancelledError:
            # The client is gone.
            self.transport.close()
            raise

    async def push(self, status):
        if self.mode == "mute" or self.mode == "silent" and self.speaks:
            await asyncio.Event().wait()
        if self.mode == "busy":
            status = "421 Too busy"
        self.speaks = True
        if self.mode.startswith("drip:"):
            for byte in status.encode() + b"\r\n":
                await asyncio.sleep(float(self.mode[5:]))
                self._writer.write(bytes([byte]))
                await self._writer.drain()
        else:
            await super().push(status)
        if self.mode == "busy":
            self.transport.close()

    def connection_lost(self, error):
        if self.number:
            tell("closed", self.number)
        super().connection_lost(error)

    async def smtp_RCPT(self, argument):
        tell("told", argument)
        await super().smtp_RCPT(argument)

    async def smtp_DATA(self, argument):
        if any(name(to) == "cut-data" for to in self.envelope.rcpt_tos):
            self.transport.abort()
        else:
            await super().smtp_DATA(argument)


def name(address):
    return address.split("@")[0]


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        tell(f"from <{address}>", *options)
        if name(address) == "never":
            return "550 5.7.1 You may not write as this"
        envelope.mail_from = address
        envelope.mail_options = options
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        match name(address):
            case "later":
                return "451 4.7.1 Come back later"
            case "never":
                return "550 5.1.1 No such mailbox"
            case "silent":
                await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global count
        count += 1
        (to,) = envelope.rcpt_tos
        match name(to):
            case "never-dot":
                return "554 5.6.0 Looks like spam"
        draft = folder / f"{count}.draft"
        draft.write_bytes(envelope.original_content)
        draft.rename(folder / f"{count}.eml")
        match name(to):
            case "later-dot":
                tell(f"heard <{to}>")
                return "452 4.3.1 The disk is full"
            case "cut-dot":
                server.transport.abort()
                return "250 OK"
            case "hold":
                tell(f"held <{to}>")
                await released.wait()
        tls = "tls" if server.transport.get_extra_info("ssl_object") else "plain"
        tell(f"accepted <{to}> as {session.host_name} {tls} utf8={envelope.smtp_utf8}")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, credentials):
    right = (options["user"].encode(), options["password"].encode())
    accepted = (credentials.login, credentials.password) == right
    tell("signed-in", accepted, mechanism)
    return AuthResult(success=accepted, handled=False)


def serve(loop, context):
    tls = options.get("tls")
    return Server(
        Handler(),
        loop=loop,
        hostname="mail.test",
        enable_SMTPUTF8=options.get("utf8") != "no",
        tls_context=context if tls == "starttls" else None,
        require_starttls=tls == "starttls",
        auth_required="user" in options,
        auth_require_tls=False,
        authenticator=authenticate if "user" in options else None,
    )


async def main():
    global released, usual
    released = asyncio.Event()
    context = None
    if "certificate" in options:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options["certificate"], options["key"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: serve(loop, context),
        "127.0.0.1",
        0,
        ssl=context if options.get("tls") == "implicit" else None,
    )
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    tell("listening", server.sockets[0].getsockname()[1])
    # The end of the test closes stdin.
    while line := (await commands.readline()).decode().split():
        match line:
            case ["next", *names]:
                modes.extend(names)
            case ["always", mode]:
                usual = mode
            case ["release"]:
                released.set()
        tell("done")


asyncio.run(main())
