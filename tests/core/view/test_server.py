"""The server: who is answered, with what, and that it only reads."""

import http.client
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from qnas.core.components import Report
from qnas.core.errors import InputError
from qnas.core.view.pages import Pages
from qnas.core.view.runs import Runs
from qnas.core.view.server import Server

from ...synthetic_runs import SweepFolder, write_run

HOSTILE = '<img src=x onerror="alert(1)">&{{ 7 * 7 }}'
MADE = ("", "run/", "run/report.html", "sweep/compare.html", "sweep/compare.csv", "sweep/compare.svg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with runs of all kinds, and something beside it that nobody should see."""
    runs = tmp_path / "runs"
    history = '{"step": 10, "loss": 0.1, "psnr": 27.0, "entropy": 1.0, "bitops": 1e9}\n'
    write_run(runs / "run", files={"search/history.jsonl": history * 2 + '{"step": 30, "psn'})
    sweep = SweepFolder(runs / "sweep")
    for seed in (0, 1):
        sweep.add(None, {"train.steps": 800}, seed, psnr=27 + seed)
    sweep.add(None, {"train.steps": 800}, 2, run=False)
    sweep.finish()
    write_run(runs / HOSTILE.replace("/", ""), fields={"name": f"</title>{HOSTILE}"}, files={"report.html": HOSTILE})
    write_run(runs / "broken", files={"spec.yaml": "[", "result.json": HOSTILE, "search/history.jsonl": "[]\n"})
    (tmp_path / "secret.html").write_text("secret")
    return runs


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(Pages(Runs(folder), Report.of("html"))) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Answer:
    """What came back for a request."""

    def __init__(self, server: Server, path: str, method: str = "GET", **headers: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        connection.close()

    @property
    def text(self) -> str:
        return self.body.decode()


def get(server: Server, path: str = "", method: str = "GET", **headers: str) -> Answer:
    """Ask for a path below the token."""
    return Answer(server, f"/{server.token}/{path}", method, **headers)


def test_it_listens_on_loopback_only_at_an_address_with_a_secret(server: Server) -> None:
    url = urlsplit(server.url)
    assert (url.scheme, url.hostname, url.path) == ("http", "127.0.0.1", f"/{server.token}/")
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert len(server.token) >= 22
    with Server(server.pages) as other:
        assert other.token != server.token and other.server_address != server.server_address
        with pytest.raises(InputError, match=r"port \d+: Address already in use: choose another with --port"):
            Server(server.pages, other.server_address[1])


@pytest.mark.parametrize("path", MADE)
def test_each_page_is_there(server: Server, path: str) -> None:
    answer = get(server, path)
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "'unsafe-eval'" not in policy and "frame-ancestors 'none'" in policy
    assert policy.startswith("sandbox;") == path.endswith("report.html")
    assert "script-src 'unsafe-inline'" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Server"] == "qnas"
    head = get(server, path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.body))


def nothing(server: Server) -> bytes:
    """What is answered where nothing is, as bytes that can be compared."""
    answer = get(server, "nothing/")
    assert answer.status == 404 and answer.body == b"Not Found\n"
    return answer.body


def test_without_the_token_there_is_nothing(server: Server) -> None:
    token = server.token
    wrong = [
        "/",
        "",
        f"/{token}",
        f"/{token[:-1]}/",
        f"/{token}x/",
        "/favicon.ico",
        "/run/",
        f"/x/{token}/",
    ]
    for path in wrong:
        answer = Answer(server, path or "*")
        assert (answer.status, answer.body) == (404, nothing(server))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "", "[::1]:{port}"]
)
def test_another_name_is_not_answered(server: Server, host: str) -> None:
    answer = get(server, Host=host.format(port=server.server_address[1]))
    assert (answer.status, answer.body) == (404, nothing(server))


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "localhost:8000"])
def test_this_machine_is_answered_by_its_names_through_any_forwarded_port(server: Server, host: str) -> None:
    assert get(server, Host=host.format(port=server.server_address[1])).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "MKCOL"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    answer = get(server, method=method)
    assert (answer.status, answer.headers["Allow"], answer.body) == (405, "GET, HEAD", b"Method Not Allowed\n")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "..%2fsecret.html",
        "%2e%2e/secret.html",
        "run/../../secret.html",
        "run/%2e%2e%2f%2e%2e%2fsecret.html",
        "run//report.html",
        "//etc/passwd",
        "/etc/passwd",
        "run\\..\\..\\secret.html",
        "run/report.html%00.txt",
        "run/spec.yaml",
        "run/result.json",
        "run/report.html/",
        "run",
        "sweep/",
        "sweep/sweep.json",
        "sweep/compare.exe",
        "run/compare.html",
        "%ff%fe/",
    ],
)
def test_no_address_leads_to_anything_else(server: Server, path: str) -> None:
    answer = get(server, path)
    assert (answer.status, answer.body) == (404, nothing(server))


def test_a_report_that_is_a_link_or_names_another_place_is_not_served(server: Server, folder: Path) -> None:
    (folder / "run" / "report.html").unlink()
    (folder / "run" / "report.html").symlink_to(folder.parent / "secret.html")
    assert get(server, "run/report.html").status == 404
    (folder / "broken" / "report" / "result.json").write_text('{"file": "../../secret.html"}')
    assert get(server, "broken/../../secret.html").status == 404
    assert b"secret" not in get(server).body


def test_words_of_a_run_stay_words(server: Server, folder: Path) -> None:
    link = next(run.link for run in Runs(folder).look().runs if "img" in run.path)
    for path in ("", link):
        text = get(server, path).text
        assert (
            "<img" not in text
            and "</title>&" not in text
            and "49" not in text.partition("<svg")[0].partition("</style>")[2]
        )
        assert "&lt;img" in text
        assert text.count("<script>") == 1
    assert get(server, f"{link}report.html").headers["Content-Security-Policy"].startswith("sandbox;")


def test_a_broken_run_has_a_page_that_says_so(server: Server) -> None:
    text = get(server, "broken/").text
    assert "is damaged" in text
    assert "is damaged" in get(server).text


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
def test_a_name_that_is_no_text_is_shown_and_leads_to_its_run(server: Server, folder: Path) -> None:
    for name in (b"\xff\n", b"\xfe"):
        write_run(folder / "odd" / os.fsdecode(name), psnr=27.0 + name[0] / 1000)
    assert "\\udcff" in get(server).text
    assert get(server, "odd/%FF%0A/").status == 200
    assert 'href="%FF%0A/report.html"' in get(server, "odd/compare.html").text


def test_a_run_that_has_not_begun_has_a_page(server: Server) -> None:
    text = get(server, "sweep/steps%3D800/seed-2/").text
    assert "waiting" in text and "There are no curves" in text and "damaged" not in text


def test_a_line_of_a_history_that_is_half_written_is_left_out(server: Server) -> None:
    text = get(server, "run/").text
    assert text.count("<figure") >= 4 and "damaged" not in text


def test_a_comparison_is_that_of_the_command_with_links_to_reports(server: Server) -> None:
    text = get(server, "sweep/compare.html").text
    assert "comparison of 2 runs" in text
    assert 'href="steps%3D800/seed-0/report.html"' in text
    assert get(server, "sweep/steps%3D800/seed-0/report.html").status == 200
    assert get(server, "sweep/compare.csv").text.startswith("label,series,")


def test_runs_that_can_not_be_compared_are_told_why(server: Server, folder: Path) -> None:
    write_run(folder / "other", fields={"scale": 2})
    text = get(server, "compare.html").text
    assert "can&#x27;t be compared" in text and "<img" not in text


def test_an_unexpected_failure_is_one_that_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(server.pages, "at", fail)
    with pytest.warns(UserWarning, match="a page could not be made: ZeroDivisionError"):
        answer = get(server)
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")


def test_what_is_no_request_is_refused_without_an_echo(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as connection:
        connection.sendall(b"<b> HTTP/9.9 <script>\r\n\r\n")
        assert b"<" not in connection.makefile("rb").read()


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder with all that a write would change."""
    kept = {}
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            at = (Path(place) / name).lstat()
            kept[f"{place}/{name}"] = (at.st_mtime_ns, at.st_ctime_ns, at.st_size)
    return kept


def test_nothing_is_written(server: Server, folder: Path) -> None:
    (folder / "run" / ".lock").write_text("")  # left by a run that was killed
    (folder / "run" / "report" / "result.json").unlink()
    before = tree(folder.parent)
    for path in (*MADE, "broken/", "compare.html", "nothing/"):
        get(server, path)
    for method in ("POST", "PUT", "DELETE"):
        get(server, "run/report.html", method)
    assert tree(folder.parent) == before
