"""A server of its own on this machine, for the scripts that attack or measure one."""

import http.client
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSWORD = "canary-brine-lamp-44"


class Server:
    """`data` is the folder of another server, to serve its data; `descriptors` limits them."""

    def __init__(self, program, *settings, data=None, descriptors=None, database=None):
        self.folder = tempfile.TemporaryDirectory()
        self.data = data or f"{self.folder.name}/data"
        self.log = open(f"{self.folder.name}/log", "wb")
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data]
        for setting in ("metrics.listen=127.0.0.1:0", *settings):
            command += ["--set", setting]

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (256, descriptors))

        self.process = subprocess.Popen(
            command, cwd=self.folder.name, preexec_fn=limit,
            env={"DOORWARD_DATABASE__URL": database} if database else {},
            stdout=subprocess.DEVNULL, stderr=self.log,
        )
        self.port = int(self.wait_for(r"listen=127\.0\.0\.1:(\d+)"))
        self.metrics_port = int(self.wait_for(r"address=127\.0\.0\.1:(\d+)"))

    def wait_for(self, pattern):
        for _ in range(600):
            found = re.search(pattern, self.text())
            if found:
                return found[1]
            time.sleep(0.05)
        sys.exit(f"the server does not start: {self.text()}")

    def text(self):
        return Path(self.log.name).read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def memory(self, kind="VmRSS"):
        """In MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{kind}:\s+(\d+)", status)[1]) / 1024

    def figure(self, name):
        client = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        client.request("GET", "/metrics")
        for line in client.getresponse().read().decode().splitlines():
            found, _, value = line.rpartition(" ")
            if found == f"doorward_{name}":
                return float(value)
        return 0.0

    def call(self, method, path, body=None, token=None, kind="application/json", **headers):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"content-type": kind, "accept": "application/json", **headers}
        if token:
            headers["authorization"] = f"Bearer {token}"
        client.request(method, path, body, headers)
        response = client.getresponse()
        return response.status, json.loads(response.read() or b"{}")

    def sign_up(self, name):
        new = {"username": name, "password": PASSWORD, "email": f"{name}@example.com"}
        return self.call("POST", "/api/accounts", json.dumps(new))[0]

    def signed_in(self, name="ada"):
        """The access token of a new account."""
        self.sign_up(name)
        names = json.dumps({"username": name, "password": PASSWORD})
        return self.call("POST", "/api/sessions", names)[1]["access_token"]

    def connect(self, client=1, **options):
        """From one of the addresses of this machine, which are clients of their own."""
        made = socket.socket()
        if "receive" in options:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive"])
        made.bind((address(client), 0))
        made.connect(("127.0.0.1", self.port))
        return made


def address(client):
    return f"127.{client // 62500}.{client // 250 % 250}.{client % 250 + 1}"


def raise_descriptors(wanted):
    """For the attacker's own connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, wanted), most))
