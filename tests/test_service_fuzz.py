"""schemathesis over the whole API: any request gets a documented answer of the documented shape, and no 5xx."""

import pytest
import schemathesis
from fastapi.testclient import TestClient
from helpers.serving import fake_app
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    from toxres.triage.database import open_database

    database = open_database(tmp_path_factory.mktemp("fuzz") / "moderation.db", create=True)
    app = fake_app(database=database)
    with TestClient(app):
        yield app


def fuzz(app, examples: int) -> int:
    """Ask every operation so many times each with data as documented and with other data; returns the requests."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        strategies = [operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=strategies[0] | strategies[1])
        def ask(case) -> None:
            nonlocal asked
            asked += 1
            case.validate_response(case.call(), checks=CHECKS)

        ask()
    return asked


def test_every_operation_answers_as_documented(app):
    assert fuzz(app, 55) >= 300


@pytest.mark.stress
def test_every_operation_answers_as_documented_in_ten_thousand_requests(app):
    assert fuzz(app, 1_700) >= 10_000
