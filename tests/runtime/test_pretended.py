"""The demo's card processor is a program of its own, on an address that outlives it."""

import os
import subprocess
import urllib.request
from pathlib import Path

import pytest

from chargeportal.runtime import pretended

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(port: int, path: str, *, key: str = "") -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with DIRECT.open(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.slow
def test_it_is_started_again_on_the_same_address_and_takes_its_key_alone(tmp_path: Path) -> None:
    with pretended.loopback_socket() as listening:
        port = listening.getsockname()[1]
        env = os.environ | pretended.stripe_environment(port=port)
        command = pretended.stripe_command(fd=listening.fileno(), var=tmp_path, host="0.0.0.0", port=9)  # noqa: S104
        assert command[-1] == "http://127.0.0.1:9/webhooks/stripe/"
        for _ in range(2):
            process = subprocess.Popen(
                command, env=env, pass_fds=(listening.fileno(),), stdout=subprocess.DEVNULL
            )
            try:
                assert answers(port, "/healthz") == 200
                assert answers(port, "/v1/customers", key=env["STRIPE_SECRET_KEY"]) == 200
                assert answers(port, "/v1/customers", key="sk_test_other") == 401
            finally:
                process.kill()
                process.wait()


def test_every_start_has_keys_of_its_own() -> None:
    first, second = (pretended.stripe_environment(port=1) for _ in range(2))
    for name in ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET"):
        assert first[name] != second[name]
