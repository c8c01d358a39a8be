"""The command line, ctl and TLS; a part of selftest.py."""

import http.client
import os
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from selftest_case import AUTH, LONGEST, Case, Got

HERE = Path(__file__).parent


class CommandLine(Case):
    def start(self, *arguments: str) -> str:
        """A server in the background, which ends with this process."""
        command = [sys.executable, str(HERE), "--background", "--watch-pid", str(os.getpid()), *arguments]
        url = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST).stdout.strip()
        self.addCleanup(self.ctl, url, "stop")
        return url

    def ctl(self, url: str, *words: str, status: int = 0) -> str:
        done = subprocess.run([str(HERE / "ctl"), *words], env={**os.environ, "SAMPLE_API": url},
                              capture_output=True, text=True, check=False, timeout=LONGEST)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def test_ctl(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            log_file = os.path.join(directory, "log")
            url = self.start("--contacts", "12", "--accounts", "30", "--token", "t1", "--token", "t2",
                             "--set", "era=B", "absent=null", "--log-file", log_file)
            self.connection = http.client.HTTPConnection(url.rpartition("/")[2])
            self.addCleanup(self.connection.close)
            self.assertNotIn("code", self.ask("GET", "/me").json)
            self.assertEqual(self.ask("GET", "/me", headers={"Authorization": "Bearer t2"}).status, 200)
            self.assertEqual(self.ctl(url, "count"), "2\n")
            self.assertEqual(self.ctl(url, "log"), "GET /me\nGET /me\n")
            self.assertEqual(self.ctl(url, "take"), "GET /me\nGET /me\n")
            self.assertEqual(self.ctl(url, "log"), "")
            with open(log_file, encoding="utf-8") as file:
                self.assertEqual(file.read(), "GET /me\nGET /me\n")
        for words in (["set", "latency=1", "pretty=on"], ["fault", '{"kind":"html"}'], ["faults-clear"], ["clear"],
                      ["add", '{"id":"x"}'], ["custom-fields", "[]"], ["account-custom-fields", "[]"],
                      ["add-accounts", '{"id":"y"}']):
            self.assertEqual(self.ctl(url, *words), "", words)
        self.assertEqual(len(self.ctl(url, "contacts").splitlines()), 13)
        self.assertEqual(len(self.ctl(url, "accounts").splitlines()), 31)
        self.assertEqual(self.ctl(url, "replace-accounts", '[{"id":"y"}]'), "")
        self.assertEqual(len(self.ctl(url, "accounts").splitlines()), 1)
        self.ctl(url, "reset", "contacts=5", "seed=z", "accounts=40")
        self.assertEqual(len(self.ctl(url, "contacts").splitlines()), 5)
        self.assertEqual(len(self.ctl(url, "accounts").splitlines()), 40)
        self.assertIn("accepted", self.ctl(url, "connections"))
        for words in (["set", "era=Q"], ["set", "era"], ["nothing"], ["fault", "x"], ["fault"], ["log", "x"]):
            self.ctl(url, *words, status=1)
        self.ctl("http://127.0.0.1:1", "log", status=1)

    def test_tls(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            url = self.start("--tls", "--cert-dir", directory)
            host, port = url.removeprefix("https://").split(":")
            for authority, good in (("ca.pem", True), ("other-ca.pem", False)):
                trusting = ssl.create_default_context(cafile=os.path.join(directory, authority))
                client = http.client.HTTPSConnection(host, int(port), context=trusting)
                if good:
                    client.request("GET", "/me", headers=AUTH)
                    self.assertEqual(Got(client.getresponse()).status, 200)
                    self.ctl(url, "fault", '{"kind":"reset"}')
                    client.request("GET", "/me", headers=AUTH)
                    self.assertRaises(OSError, client.getresponse)
                else:
                    self.assertRaises(ssl.SSLError, client.request, "GET", "/me")
                client.close()
            plain = http.client.HTTPConnection(host, int(port))
            plain.request("GET", "/_count")
            self.assertEqual(Got(plain.getresponse()).status, 200)
            plain.request("GET", "/me", headers=AUTH)
            self.assertRaises(OSError, plain.getresponse)
            plain.close()
            self.assertEqual(self.ctl(url, "count"), "2\n")

    def test_watched_process(self) -> None:
        watched = subprocess.Popen(["sleep", "60"])
        command = [sys.executable, str(HERE), "--background", "--watch-pid", str(watched.pid)]
        url = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        watched.kill()
        watched.wait()
        self.until(lambda: subprocess.run([str(HERE / "ctl"), "count"], capture_output=True,
                                          env={**os.environ, "SAMPLE_API": url}, check=False).returncode == 1)

    def test_refusals(self) -> None:
        for words in (["--set", "no=1"], ["--set", "era"], ["--tls"]):
            done = subprocess.run([sys.executable, str(HERE), *words],
                                  capture_output=True, check=False, timeout=LONGEST)
            self.assertNotEqual(done.returncode, 0)
