"""fal's own Python client (fal-client) against the program: the Python column of the protocol's checklist.

    tests/clients/run_python.sh build/release/bin/birefnet /tmp/fal-python

The names of the tests begin with their rows. The client speaks TLS to the addresses that `serve --tls-self-signed`
prints, by the variables that it prints; only for faults (rows E, S7) a plain HTTP proxy of the test's own is between.
"""
import asyncio
import base64
import contextlib
import hashlib
import importlib
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path
from unittest import mock

from fal_support import E, REQUESTS, NO_ID, UUID, MIB, PHOTO, IN, png, until, Server, Host, Proxy

try:
    from PIL import Image
except ImportError:
    Image = None
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None


def setUpModule():
    global server, host, fal_client, httpx, raw
    found = subprocess.run([sys.executable, "-c", "import fal_client"], capture_output=True, text=True)
    if found.returncode:
        raise unittest.SkipTest(f"fal_client cannot be imported: {found.stderr.strip().splitlines()[-1]}")
    warnings.simplefilter("ignore", ResourceWarning)  # the client leaves its connections to the collector
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # not a word about slow steps
    server = Server(os.environ["BN_PROGRAM"])
    unittest.addModuleCleanup(shutil.rmtree, server.data, ignore_errors=True)
    unittest.addModuleCleanup(server.stop)
    host = Host()
    unittest.addModuleCleanup(host.stop)
    unittest.addModuleCleanup(host.release)
    # the lines that the server prints, the key instead of its placeholder, and no proxy between
    names = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = mock.patch.dict(os.environ, {**names, **server.exports, "FAL_KEY": server.key}, clear=True)
    environment.start()
    unittest.addModuleCleanup(environment.stop)
    fal_client = importlib.import_module("fal_client")  # reads the variables
    httpx = importlib.import_module("httpx")
    # uploads have no variable: docs/SERVER.md says to set these two
    fal_client.client.REST_URL, fal_client.client.CDN_URL = server.url + "/rest", server.url + "/cdn"
    raw = httpx.Client(base_url=server.url, headers={"Authorization": f"Key {server.key}"}, timeout=60)
    unittest.addModuleCleanup(raw.close)


def tearDownModule():
    status, lines = server.stop(), server.lines()
    assert status == 0, f"the server ended with {status}"
    assert not [line for line in lines if line["status"] in (408, 409)], "row E3: the client would ask again"
    assert all(re.match(UUID, line["id"]) for line in lines), "every request has an id"


def fetched(url):
    """What lies at a URL that the server gave, asked for without a key."""
    return httpx.get(url)


def fetched_input():
    """An input whose photo is on another host: it waits behind those that hold the places for fetching, inline ones pass."""
    return {"image_url": f"{host.url}/photo.png"}


def requests_since(mark, wanted=lambda line: False, count=0):
    """The access log from line `mark` on, once `count` lines are there that are `wanted`, and that of a request of our own: a line
    is written after its answer, and those of two connections in any order."""
    last = raw.get("/healthz").headers["x-fal-request-id"]
    def since():
        return [line for line in server.lines()[mark:] if line["path"] not in ("/healthz", "/metrics")]
    until(lambda: any(line["id"] == last for line in server.lines()) and len(list(filter(wanted, since()))) >= count)
    return since()


def completed(handle):
    return list(handle.iter_events(interval=0.02))[-1]


class Case(unittest.TestCase):
    def failure(self, status, call, *words, error_type=None, **options):
        """The error of a call that must fail with `status`, after one request that failed."""
        requests_since(0)
        mark = len(server.lines())
        with self.assertRaises(fal_client.FalClientHTTPError) as caught:
            call(*words, **options)
        error = caught.exception
        self.assertEqual((error.status_code, error.error_type), (status, error_type), error.message)
        self.assertEqual(error.response_headers.get("x-fal-error-type"), error_type, "row E5: field and member agree")
        self.assertRegex(error.response_headers["x-fal-request-id"], UUID)
        mine = error.response_headers["x-fal-request-id"]
        failed = [line for line in requests_since(mark, lambda line: line["id"] == mine, 1) if line["status"] == status]
        self.assertEqual(len(failed), 1, failed)
        return error

    @contextlib.contextmanager
    def busy(self):
        """The server holds as many photos as it fetches ahead, until the block ends; their handles."""
        before = len(host.asked)
        held = [fal_client.submit(E, {"image_url": f"{host.url}/hold/{i}"}) for i in range(2)]
        until(lambda: len([path for path in host.asked[before:] if path.startswith("/hold")]) >= 2)
        try:
            yield held
        finally:
            host.release()
            for handle in held:
                completed(handle)


class Run(Case):
    def test_R01_R02_R04_run_and_members(self):
        image = fal_client.run(E, arguments={"image_url": f"{host.url}/photo.png"})["image"]
        self.assertEqual(list(image), ["url", "content_type", "file_name", "file_size", "width", "height"])
        self.assertEqual((image["width"], image["height"], image["content_type"]), (40, 30, "image/png"))
        self.assertRegex(image["file_name"], r"\.png$")
        answer = fetched(image["url"])
        self.assertEqual((answer.status_code, len(answer.content)), (200, image["file_size"]))
        answers, client = [], fal_client.SyncClient()  # the id, by a hook in the client
        client._client.event_hooks = {"response": [answers.append]}
        client.run(E, IN)
        self.assertRegex(answers[0].headers["x-fal-request-id"], UUID)
        self.assertGreaterEqual(float(answers[0].headers["x-fal-billable-units"]), 0)

    def test_R03_R06_R18_slash_no_body_method(self):
        self.assertIn("image", fal_client.run(E + "/", IN))
        answer = raw.post(f"/run/{E}")
        self.assertEqual((answer.status_code, answer.json()["detail"][0]["loc"]), (422, ["body"]))
        answer = raw.get(f"/run/{E}")
        self.assertEqual((answer.status_code, answer.json()), (405, {"detail": "Method Not Allowed"}))

    def test_R05_missing_image_url(self):
        error = self.failure(422, fal_client.run, E, {})
        missing = {"type": "missing", "loc": ["body", "image_url"], "msg": "Field required", "input": {}}
        self.assertEqual((error.message, error.response_headers["x-fal-billable-units"]), ([missing], "0"))

    def test_R07_bad_values(self):
        for field, value, kind in [("model", "X", "literal_error"), ("operating_resolution", "1x1", "literal_error"),
                                   ("output_format", "bmp", "literal_error"), ("output_mask", "maybe", "bool_parsing"),
                                   ("refine_foreground", "maybe", "bool_parsing"), ("image_url", 12, "string_type")]:
            [detail] = self.failure(422, fal_client.run, E, {**IN, field: value}).message
            self.assertEqual((detail["loc"], detail["type"], detail["input"]), (["body", field], kind, value))

    def test_R08_R11_extra_field_and_data_uri(self):
        self.assertIn("image", fal_client.run(E, {**IN, "foo": 1}))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "photo.png").write_bytes(PHOTO)
            data_url = fal_client.encode_file(Path(folder, "photo.png"))
        self.assertIn("image", fal_client.run(E, arguments={"image_url": data_url}))
        if Image:
            data_url = fal_client.encode_image(Image.open(io.BytesIO(PHOTO)))
            self.assertIn("image", fal_client.run(E, arguments={"image_url": data_url}))

    def test_R09_R10_photos_that_fail(self):
        for name, kind in [("nothing.png", "file_download_error"), ("text.png", "image_load_error")]:
            url = f"{host.url}/{name}"
            [detail] = self.failure(422, fal_client.run, E, {"image_url": url}).message
            self.assertEqual((detail["type"], detail["loc"], detail["input"]), (kind, ["body", "image_url"], url))

    def test_R12_R13_R14_unknown_path_app_and_key(self):
        error = self.failure(404, fal_client.run, E, {}, path="nope")
        self.assertEqual(error.message, "Path /v2/nope not found")
        self.assertEqual(error.response_headers["x-fal-billable-units"], "0")
        self.assertEqual(self.failure(404, fal_client.run, "fal-ai/none", {}).message, 'Application "none" not found')
        error = self.failure(401, fal_client.SyncClient(key="x:y").run, E, IN)
        self.assertEqual(error.message, "No user found for Key ID and Secret")

    def test_R15_R16_start_timeout(self):
        with self.busy():
            error = self.failure(504, fal_client.run, E, fetched_input(), start_timeout=2, error_type="request_timeout")
        self.assertEqual(error.response_headers["x-fal-request-timeout-type"], "user")
        for value in ("abc", "-1", "nan"):
            wrong = {"X-Fal-Request-Timeout": value}
            self.failure(400, fal_client.run, E, IN, headers=wrong, error_type="bad_request")

    def test_R17_a_client_that_leaves(self):
        with self.busy():
            mark = len(server.lines())
            with self.assertRaises(httpx.ReadTimeout):  # start_timeout: else the client would try again
                leaves = httpx.Timeout(60, read=0.5)  # once it is connected
                fal_client.run(E, {"image_url": f"{host.url}/hold/left"}, timeout=leaves, start_timeout=60)
            until(lambda: any(line["status"] == 499 for line in server.lines()[mark:]))
        self.assertNotIn("/hold/left", host.asked)


class Queue(Case):
    def test_Q01_Q02_Q03_Q04_submit_and_paths(self):
        answer = raw.post(f"/queue/{E}/", json=IN)
        self.assertEqual((answer.status_code, answer.json()["status"]), (200, "IN_QUEUE"))
        self.assertIs(type(answer.json()["queue_position"]), int)
        handler = fal_client.submit(E, arguments=IN)
        base = server.url + REQUESTS + handler.request_id
        self.assertEqual([handler.response_url, handler.status_url, handler.cancel_url],
                         [base, base + "/status", base + "/cancel"])
        self.assertEqual(fetched(handler.get()["image"]["url"]).status_code, 200)
        self.assertIsInstance(fal_client.status(E, handler.request_id, with_logs=True), fal_client.Completed)
        self.assertIn("image", fal_client.result(E, handler.request_id))
        for path in (REQUESTS, f"/queue/{E}/requests/"):  # as the package `fal` writes them, too
            for end in ("", "/", "/status", "/status/?logs=1", "/status/?logs=0", "/response"):
                self.assertEqual(raw.get(path + handler.request_id + end).status_code, 200, path + end)

    def test_Q05_Q15_before_completion(self):
        codes, client = [], fal_client.SyncClient()
        client._client.event_hooks = {"response": [lambda answer: codes.append(answer.status_code)]}
        with self.busy() as held:
            handle = client.submit(E, fetched_input())
            handle.status()
            answer = raw.get(REQUESTS + held[0].request_id)
            self.assertEqual((answer.status_code, answer.json()), (400, {"detail": "Request is still in progress"}))
        completed(handle)
        self.assertEqual((codes[0], set(codes[1:-1]), codes[-1]), (200, {202}, 200))

    def test_Q06_Q24_position_and_priority(self):
        with self.busy() as held:
            self.assertEqual([type(held[0].status()), held[1].status()], [fal_client.InProgress, fal_client.Queued(0)])
            low = [fal_client.submit(E, fetched_input(), priority="low") for _ in range(3)]
            normal = [fal_client.submit(E, fetched_input()) for _ in range(3)]
            self.assertEqual([handle.status().position for handle in normal + low], [1, 2, 3, 4, 5, 6])
            fal_client.cancel(E, normal[0].request_id)
            self.assertEqual(low[2].status().position, 5)
        for handle in low + normal[1:]:
            completed(handle)

    def test_Q07_Q08_Q09_Q10_logs_and_metrics(self):
        handle = fal_client.submit(E, IN)
        self.assertIsNone(completed(handle).logs)
        status = handle.status(with_logs=True)
        self.assertTrue(status.logs and all(isinstance(line["message"], str) for line in status.logs))
        self.assertIsInstance(status.metrics["inference_time"], float)
        self.assertEqual((status.error, status.error_type), (None, None))

    def test_Q11_subscribe_as_on_the_model_page(self):
        updates = []

        def on_queue_update(update):
            updates.append(update)
            if isinstance(update, fal_client.InProgress):
                for log in update.logs:
                    self.assertIn("message", log)

        result = fal_client.subscribe(
            "fal-ai/birefnet/v2",
            arguments={
                "image_url": f"{host.url}/photo.png"
            },
            with_logs=True,
            on_queue_update=on_queue_update,
        )
        self.assertIsInstance(updates[-1], fal_client.Completed)
        self.assertEqual(fetched(result["image"]["url"]).status_code, 200)

    def test_Q13_events_on_the_wire(self):
        with self.busy():
            handle = fal_client.submit(E, fetched_input())
            with raw.stream("GET", f"{handle.status_url}/stream?logs=1") as answer:
                self.assertTrue(answer.headers["content-type"].startswith("text/event-stream"))
                self.assertEqual(answer.headers["x-fal-request-id"], handle.request_id)
                begun, lines = time.monotonic(), []
                for line in answer.iter_lines():
                    lines.append(line.rstrip("\n"))
                    if line.startswith(":"):
                        self.assertLess(time.monotonic() - begun, 16, "a comment keeps the connection")
                        host.release()
        events = [json.loads(line.removeprefix("data: "))["status"] for line in lines if line and line[0] != ":"]
        self.assertEqual((events[0], events[-1], events.count("COMPLETED")), ("IN_QUEUE", "COMPLETED", 1))
        self.assertTrue("".join(lines).isascii())

    def test_Q16_Q20_result_again_and_late_cancel(self):
        handle = fal_client.submit(E, IN)
        self.assertEqual(handle.get(), fal_client.result(E, handle.request_id))
        self.assertEqual(json.loads(self.failure(400, handle.cancel).message), {"status": "ALREADY_COMPLETED"})

    def test_Q17_invalid_input_and_path(self):
        handle = fal_client.submit(E, {})
        self.assertIsInstance(completed(handle), fal_client.Completed)
        self.assertEqual(self.failure(422, handle.get).message[0]["type"], "missing")
        self.assertEqual(self.failure(422, fal_client.subscribe, E, {}).message[0]["loc"], ["body", "image_url"])
        error = self.failure(404, fal_client.subscribe, E, IN, path="nope")
        self.assertEqual(error.message, "Path /v2/nope not found")

    def test_Q18_Q19_cancel(self):
        with self.busy() as held:
            handle = fal_client.submit(E, {"image_url": f"{host.url}/photo/cancelled"})
            handle.cancel()
            self.assertEqual(completed(handle).error_type, "client_cancelled")
            self.failure(499, handle.get, error_type="client_cancelled")
            self.assertEqual(raw.put(REQUESTS + held[0].request_id + "/cancel").status_code, 202)
        self.assertIn(raw.get(REQUESTS + held[0].request_id).status_code, (200, 499))
        self.assertNotIn("/photo/cancelled", host.asked)

    def test_Q21_Q22_unknown_id(self):
        for call in (fal_client.cancel, fal_client.status, fal_client.result):
            self.assertEqual(json.loads(self.failure(404, call, E, NO_ID).message), {"status": "NOT_FOUND"})

    def test_Q23_client_timeout(self):
        with self.busy():
            mark = len(server.lines())
            with self.assertWarns(UserWarning), self.assertRaises(fal_client.FalClientTimeoutError) as caught:
                fal_client.subscribe(E, fetched_input(), client_timeout=2, start_timeout=60)
            [put] = [line for line in requests_since(mark, lambda line: line["method"] == "PUT", 1) if line["method"] == "PUT"]
            self.assertEqual((put["path"], put["status"]), (REQUESTS + caught.exception.request_id + "/cancel", 202))
            with self.assertRaises(fal_client.FalClientError):  # by the client's clock or by the server's
                fal_client.subscribe(E, fetched_input(), client_timeout=2)

    def test_Q27_longest_queue(self):
        with self.busy():
            waiting = [fal_client.submit(E, fetched_input()) for _ in range(3)]
            for limit, status in [(1, 429), (1000, 200)]:
                self.assertEqual(raw.post(f"/queue/{E}?fal_max_queue_length={limit}", json=fetched_input()).status_code, status)
        for handle in waiting:
            completed(handle)

    def test_Q28_start_timeout(self):
        with self.busy():
            handle = fal_client.submit(E, fetched_input(), start_timeout=2)
            self.assertEqual(completed(handle).error_type, "request_timeout")
            error = self.failure(504, handle.get, error_type="request_timeout")
        self.assertEqual(error.response_headers["x-fal-request-timeout-type"], "user")


class Faults(Case):
    """Rows E, and the fallback of uploads: a proxy between spoils an answer."""

    def setUp(self):
        self.proxy = Proxy(server.plain_port)
        self.addCleanup(self.proxy.stop)
        url = self.proxy.url
        patch = mock.patch.multiple("fal_client.client", RUN_URL_FORMAT=url + "/run/", QUEUE_URL_FORMAT=url + "/queue/",
                                    REST_URL=url + "/rest", CDN_URL=url + "/cdn")
        patch.start()
        self.addCleanup(patch.stop)

    def test_E02_E05_503_with_a_request_id_is_final(self):
        fields = {"x-fal-request-id": NO_ID, "x-fal-error-type": "runner_disconnected"}
        self.proxy.faults = [("/run/", 503, fields, b"nginx")]
        with self.assertRaises(fal_client.FalClientHTTPError) as caught:
            fal_client.run(E, IN)
        self.assertEqual((caught.exception.status_code, caught.exception.error_type), (503, "runner_disconnected"))
        self.proxy.faults = [("/run/", 503, {}, b"nginx")]  # without the id it is tried again
        self.assertIn("image", fal_client.run(E, IN))
        self.assertEqual([status for *_, status in self.proxy.seen], [503, 503, 200])

    def test_E04_500_once(self):
        self.proxy.faults = [("/status", 500, {}, b'{"detail": "Internal Server Error"}')]
        handle = fal_client.submit(E, IN)
        self.assertTrue(handle.status_url.startswith(self.proxy.url), "the URLs lead to where the client came from")
        with self.assertRaises(fal_client.FalClientHTTPError) as caught:
            handle.get()
        self.assertEqual((caught.exception.status_code, caught.exception.message), (500, "Internal Server Error"))
        self.assertIn("image", handle.get())

    def test_Q24_Q25_Q26_fields_arrive(self):
        completed(fal_client.submit(E, IN, priority="low", hint="h", headers={"X-My": "1"}, start_timeout=30))
        sent = self.proxy.seen[0][1]
        for name, value in [("x-fal-queue-priority", "low"), ("x-fal-runner-hint", "h"), ("x-my", "1"),
                            ("x-fal-request-timeout", "30.0"), ("authorization", f"Key {server.key}")]:
            self.assertEqual(sent[name], value)

    def test_S07_fallback(self):
        for upload in (lambda: fal_client.SyncClient().upload(PHOTO, "image/png", "photo.png"),
                       lambda: asyncio.run(fal_client.AsyncClient().upload(PHOTO, "image/png"))):
            self.proxy.faults = [("/cdn/files/upload", 500, {}, b"no")]
            with self.assertLogs("fal_client.client", "WARNING"):
                answer = fetched(upload())
            self.assertEqual((answer.content, answer.headers["content-type"]), (PHOTO, "image/png"))
        asked = [path for path, *_ in self.proxy.seen if path == "/rest/storage/upload/initiate?storage_type=gcs"]
        self.assertEqual(len(asked), 2)


class Webhooks(Case):
    def delivered(self, path, arguments=IN, answers=()):
        host.answers[:] = answers
        handle = fal_client.submit(E, arguments=arguments, webhook_url=f"{host.url}/{path}")

        def mine():
            return [hook for hook in host.hooks if hook[0] == "/" + path]

        until(lambda: len(mine()) >= max(1, len(answers)))
        return handle, mine()

    def test_W01_W02_ok_and_error(self):
        handle, [(_, headers, body)] = self.delivered("ok?token=a%20b&c=%C3%A9")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(json.loads(body), {"request_id": handle.request_id, "gateway_request_id": handle.request_id,
                                            "status": "OK", "payload": handle.get()})
        body = json.loads(self.delivered("bad", {})[1][0][2])
        self.assertEqual((body["status"], body["error"]), ("ERROR", "Invalid status code: 422"))
        self.assertEqual(body["payload"]["detail"][0]["type"], "missing")

    @unittest.skipUnless(Ed25519PublicKey, "no package cryptography")
    def test_W03_signature(self):
        _, [(_, headers, body)] = self.delivered("signed")
        self.assertLess(abs(time.time() - int(headers["X-Fal-Webhook-Timestamp"])), 300)
        keys = httpx.get(server.url + "/rest/.well-known/jwks.json").json()["keys"]

        def holds(body):
            parts = [headers[f"X-Fal-Webhook-{name}"] for name in ("Request-Id", "User-Id", "Timestamp")]
            message = "\n".join([*parts, hashlib.sha256(body).hexdigest()]).encode()
            for key in keys:
                public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
                with contextlib.suppress(InvalidSignature):
                    public.verify(bytes.fromhex(headers["X-Fal-Webhook-Signature"]), message)
                    return True
            return False

        self.assertTrue(holds(body))
        self.assertFalse(holds(body + b" "))

    def test_W04_W05_again_after_500_not_after_302(self):
        handle, hooks = self.delivered("again", IN, [500, 200])
        self.assertEqual([json.loads(body)["request_id"] for _, _, body in hooks], [handle.request_id] * 2)
        self.delivered("moved", IN, [302])
        self.delivered("later", IN, [500, 200])  # by then the second attempt of the redirect would have come
        self.assertEqual([path for path, *_ in host.hooks].count("/moved"), 1)


class Storage(Case):
    def check(self, url, data, content_type):
        answer = fetched(url)
        self.assertEqual((answer.status_code, answer.headers["content-type"]), (200, content_type))
        self.assertTrue(answer.content == data, f"{len(answer.content)} bytes for {len(data)}")

    def test_S04_lifecycle(self):
        def answer(**settings):
            settings = fal_client.StorageSettings(**settings)
            return fetched(fal_client.upload(PHOTO, "image/png", lifecycle=settings))
        self.assertRegex(answer(expires_in="1h").headers["cache-control"], r"max-age=(3600|35\d\d)")
        brief = str(answer(expires_in=1).url)
        until(lambda: fetched(brief).status_code == 404)
        for decision, status in [("allow", 200), ("forbid", 403), ("hide", 404)]:
            self.assertEqual(answer(initial_acl=fal_client.StorageACL(default=decision)).status_code, status, decision)

    def test_S05_upload(self):
        for repository in (None, "fal_v3", "fal"):
            self.check(fal_client.upload(PHOTO, "image/png", repository=repository), PHOTO, "image/png")
        self.check(fal_client.upload("text", "text/plain", "a b.txt"), b"text", "text/plain")
        self.check(fal_client.upload(b"", "text/plain"), b"", "text/plain")
        if Image:
            url = fal_client.upload_image(Image.open(io.BytesIO(PHOTO)))
            self.assertTrue(fetched(url).content.startswith(b"\xff\xd8"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "my photo (1) 100%.png")
            path.write_bytes(PHOTO)
            url = fal_client.upload_file(path)
        self.check(url, PHOTO, "image/png")
        self.assertEqual(fal_client.run(E, arguments={"image_url": url})["image"]["width"], 40)

    def test_S06_token(self):
        token = raw.post("/rest/storage/auth/token?storage_type=fal-cdn-v3", json={}).json()
        self.assertEqual(sorted(token), ["base_url", "expires_at", "token", "token_type"])
        self.assertRegex(token["expires_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?\+00:00$")
        self.assertFalse(fal_client.SyncClient()._token_manager.get_token().is_expired())

    def test_S05_S08_S09_large(self):
        data = b"".join(bytes([i]) * MIB for i in range(101))
        with self.assertNoLogs("fal_client.client", "WARNING"):  # the largest that goes in one piece
            self.check(fal_client.upload(data[:100 * MIB], "image/png"), data[:100 * MIB], "image/png")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "large.bin")
            path.write_bytes(data)
            self.check(fal_client.upload_file(path), data, "application/octet-stream")
        self.check(fal_client.upload(data, "image/png"), data, "image/png")
        self.check(asyncio.run(fal_client.AsyncClient().upload(data, "image/png", "large.png")), data, "image/png")

    def test_S10_lifecycle_of_an_output(self):
        def headers(seconds):
            return {"X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": seconds})}
        brief = fal_client.run(E, IN, headers=headers(1))["image"]["url"]
        kept = fal_client.subscribe(E, IN, headers=headers(86400))["image"]["url"]
        until(lambda: fetched(brief).status_code == 404)
        self.assertRegex(fetched(kept).headers["cache-control"], r"max-age=86[34]\d\d")

    def test_S11_S12_parts_of_a_file(self):
        url = fal_client.upload(PHOTO, "image/png", "p.png")
        part, head = httpx.get(url, headers={"Range": "bytes=1-3"}), httpx.head(url)
        self.assertEqual((part.status_code, part.content), (206, b"PNG"))
        self.assertEqual(part.headers["content-range"], f"bytes 1-3/{len(PHOTO)}")
        self.assertEqual((head.status_code, head.headers["content-length"]), (200, str(len(PHOTO))))
        self.assertEqual(head.headers["access-control-allow-origin"], "*")


class Media(Case):
    def test_M01_M04_formats_and_sync_mode(self):
        for name, magic in [("png", b"\x89PNG"), ("webp", b"RIFF"), ("gif", b"GIF8")]:
            image = fal_client.run(E, {**IN, "output_format": name})["image"]
            answer = fetched(image["url"])
            self.assertEqual(answer.content[:4], magic)
            self.assertEqual([image["content_type"], answer.headers["content-type"]], [f"image/{name}"] * 2)
            result = fal_client.subscribe(E, {**IN, "output_format": name, "sync_mode": True, "output_mask": True})
            for image in (result["image"], result["mask_image"]):
                start, data = image["url"].split(",")
                self.assertEqual((start, image["content_type"]), (f"data:image/{name};base64", f"image/{name}"))
                data = base64.b64decode(data, validate=True)
                self.assertEqual((data[:4], len(data)), (magic, image["file_size"]))

    def test_M02_M03_mask(self):
        both, only = (fal_client.run(E, {**IN, field: True}) for field in ("output_mask", "mask_only"))
        self.assertIsNone(only.get("mask_image"))
        self.assertIsNone(fal_client.run(E, IN).get("mask_image"))
        mask = fetched(both["mask_image"]["url"]).content
        self.assertEqual(fetched(only["image"]["url"]).content, mask)
        self.assertNotEqual(fetched(both["image"]["url"]).content, mask)


class Others(Case):
    def test_T01_stream(self):
        with self.assertRaises(importlib.import_module("httpx_sse").SSEError):
            list(fal_client.stream(E, IN))
        answer = raw.post(f"/run/{E}/stream", json=IN)
        self.assertEqual((answer.status_code, answer.json()), (404, {"detail": "Path /v2/stream not found"}))

    def test_T02_T03_realtime_and_tokens(self):
        refused = importlib.import_module("websockets.exceptions").InvalidStatus
        for options in ({}, {"max_buffering": 5}, {"use_jwt": False}):
            mark = len(server.lines())
            with self.assertRaises(refused) as caught, fal_client.realtime(E, **options):
                pass
            self.assertEqual(caught.exception.response.status_code, 404)
            def asks_token(line):
                return line["path"].startswith("/rest/tokens")
            wanted = [] if "use_jwt" in options else [200]
            tokens = [line["status"] for line in filter(asks_token, requests_since(mark, asks_token, len(wanted)))]
            self.assertEqual(tokens, wanted)
        token = raw.post("/rest/tokens/", json={"allowed_apps": ["birefnet"], "token_expiration": 120}).json()
        self.assertIsInstance(token, str)

    def test_N02_prefixes_tell_run_from_queue(self):
        requests_since(0)
        mark = len(server.lines())
        fal_client.run(E, IN)
        completed(fal_client.submit(E, IN))
        def posts(line):
            return line["method"] == "POST"
        paths = [line["path"] for line in filter(posts, requests_since(mark, posts, 2))]
        self.assertEqual(sorted(paths), [f"/queue/{E}", f"/run/{E}"])


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_R01_Q08_the_examples_of_the_readme(self):
        response = await fal_client.run_async("fal-ai/birefnet/v2", arguments=IN)
        self.assertEqual(fetched(response["image"]["url"]).status_code, 200)

        response = await fal_client.submit_async("fal-ai/birefnet/v2", arguments=IN)
        logs_index, messages = 0, []
        async for event in response.iter_events(with_logs=True):
            if isinstance(event, fal_client.Queued):
                self.assertGreaterEqual(event.position, 0)
            elif isinstance(event, (fal_client.InProgress, fal_client.Completed)):
                new_logs = event.logs[logs_index:]
                for log in new_logs:
                    messages.append(log["message"])
                logs_index = len(event.logs)
        result = await response.get()
        self.assertEqual(fetched(result["image"]["url"]).status_code, 200)
        self.assertEqual(messages, [log["message"] for log in (await response.status(with_logs=True)).logs])

    async def test_R05_R14_Q17_Q22_errors(self):
        client = fal_client.AsyncClient()
        for status, call in [(422, client.run(E, {})), (422, client.subscribe(E, {})), (404, client.status(E, NO_ID)),
                             (404, client.cancel(E, NO_ID)), (401, fal_client.AsyncClient(key="x:y").submit(E, IN))]:
            with self.assertRaises(fal_client.FalClientHTTPError) as caught:
                await call
            self.assertEqual(caught.exception.status_code, status)

    async def test_Q29_twenty_at_once(self):
        client, ids = fal_client.AsyncClient(), []
        results = await asyncio.gather(*(client.subscribe(E, IN, on_enqueue=ids.append) for _ in range(20)))
        self.assertEqual((len(set(ids)), len({result["image"]["url"] for result in results})), (20, 20))

    async def test_S05_upload(self):
        client = fal_client.AsyncClient()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "photo.png")
            path.write_bytes(PHOTO)
            for url in (await client.upload(PHOTO, "image/png"), await client.upload_file(path)):
                self.assertEqual(fetched(url).content, PHOTO)
                self.assertIn("image", await client.subscribe(E, {"image_url": url}))

    async def test_T01_T02_stream_and_realtime(self):
        client = fal_client.AsyncClient()
        with self.assertRaises(importlib.import_module("httpx_sse").SSEError):
            [event async for event in client.stream(E, IN)]
        with self.assertRaises(importlib.import_module("websockets.exceptions").InvalidStatus):
            async with client.realtime(E):
                pass


if __name__ == "__main__":
    unittest.main()
