"""The old system's way, for comparison: threads with `requests`, a connection each time."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import requests

TIMEOUT = 30  # seconds
T = TypeVar("T")
R = TypeVar("R")


def look_up(base: str, user: str, password: str, alert: int, threads: int) -> tuple[float, list[str]]:
    """Seconds from reading the alert to the last customer's record, and their phones. The login is before."""
    token = requests.post(
        f"{base}/api/token", json={"username": user, "password": password}, timeout=TIMEOUT
    ).json()["access"]
    headers = {"Authorization": f"Bearer {token}"}

    def record(client_id: int) -> str:
        answer = requests.get(f"{base}/api/v2/client/{client_id}", headers=headers, timeout=TIMEOUT)
        return str(answer.json()["clients"][0]["phone_number"])

    began = time.perf_counter()
    answer = requests.get(f"{base}/api/v2/ftth/alert/{alert}", headers=headers, timeout=TIMEOUT)
    devices = answer.json()["alert"]["affected_devices"]
    ids = [device["client_id"] or device["onu_device"]["client_id"] for device in devices]
    phones = _with_threads(threads, record, ids)
    return time.perf_counter() - began, phones


def send(url: str, token: str, phones: list[str], threads: int) -> float:
    """Seconds to send one message to each."""

    def post(phone: str) -> int:
        contact = {"nome": "Cliente", "telefone": f"55{phone}"}
        body: dict[str, Any] = {"cod_conta": 1, "hsm": 114, "tipo_envio": 2, "contato": contact}
        answer = requests.post(url, json=body, headers={"Authorization": token}, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.status_code

    began = time.perf_counter()
    _with_threads(threads, post, phones)
    return time.perf_counter() - began


def _with_threads(threads: int, work: Callable[[T], R], each: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, each))
