"""What the servers serve: one prediction a request, as WSGI, as ASGI and in Flask; and a task of Celery's."""

from __future__ import annotations

import os
from typing import Any

import tidegauge


@tidegauge.monitor("served", version="1", task="binary")
def predict(row: dict[str, float]) -> float:
    return 0.8


if os.environ.get("WARM_UP"):
    predict({"amount": 0.0})


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    predict({"amount": 1.0})
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    predict({"amount": 1.0})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def flask() -> Any:
    from flask import Flask

    application = Flask(__name__)
    application.add_url_rule("/", view_func=lambda: str(predict({"amount": 1.0})))
    return application


def celery() -> Any:
    from celery import Celery

    folder = os.environ["BROKER_FOLDER"]
    places = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": os.path.join(folder, "control")}
    application = Celery("served", broker="filesystem://", broker_transport_options=places)

    @application.task(name="work")
    def work() -> float:
        return predict({"amount": 1.0})

    return application


if "BROKER_FOLDER" in os.environ:
    app = celery()
