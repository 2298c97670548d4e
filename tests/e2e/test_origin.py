"""Who may open a session: pages of this server, and no page of another origin (D3)."""

import http.client
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("origin", "status"), [("", 101), ("https://evil.example", 403)])
def test_a_page_of_another_origin_opens_no_session(app, origin, status):
    place = urlsplit(app.address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    connection.request(
        "GET",
        "/_stcore/stream",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": origin or app.address,
        },
    )
    assert connection.getresponse().status == status
    connection.close()
