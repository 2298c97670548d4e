"""A visitor without a browser: Streamlit's own messages over its WebSocket, and uploads over HTTP.

It does what the app's JavaScript does: it holds the elements of the page by their place, knows widgets by their keys, sends all
their values with every rerun, and fetches files by the addresses the page gives. Twenty of it take less than one Chromium.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 180  # of one run of a page while nineteen others want the same two cores
SETTLED_S = 0.3  # after a run has ended, another one may follow at once (st.rerun)
XSRF = re.compile(r"_streamlit_xsrf=([^;]+)")
NAMES = re.compile(rb"visitor-\d+-\d+-\d+")  # of files that visitors bring: wave, visitor, number
PLAIN = ("markdown", "heading", "alert", "metric", "html", "text", "code")


class VisitorError(RuntimeError):
    """The app did not do what a browser would have seen it do."""


@dataclass
class Placed:
    """An element on the page, the fragment that drew it, and in which run."""

    element: Element
    fragment: str
    run: int


@dataclass
class Visitor:
    """One session. elements: by place. values: of the widgets that were used, by id."""

    address: str
    origin: str | None = None
    elements: dict[tuple[int, ...], Placed] = field(default_factory=dict)
    run: int = 0
    values: dict[str, WidgetState] = field(default_factory=dict)
    page: str = ""
    page_hash: str = ""
    session: str = ""
    socket: ClientConnection | None = None
    token: str = ""
    cookie: str = ""
    query: str = ""
    seen: set[bytes] = field(
        default_factory=set
    )  # names of files, as they are known to `NAMES`, in all that was received
    opened: ExitStack = field(default_factory=ExitStack)

    # --- the connection ---------------------------------------------------------------------------------

    def __enter__(self) -> Visitor:
        self._take_cookie()
        place = urlsplit(self.address)
        self.socket = self.opened.enter_context(
            connect(
                f"ws://{place.netloc}/_stcore/stream",
                origin=self.origin or self.address,
                subprotocols=["streamlit", *([self.token] if self.token else [])],
                additional_headers={"Cookie": self.cookie} if self.cookie else {},
                max_size=None,
                open_timeout=TIMEOUT_S,
                ping_timeout=None,
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def _take_cookie(self) -> None:
        with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=TIMEOUT_S) as answer:
            found = XSRF.search(answer.headers.get("Set-Cookie") or "")
        if found:
            self.token, self.cookie = found[1], f"_streamlit_xsrf={found[1]}"

    # --- runs of the page -------------------------------------------------------------------------------

    def start(self) -> Visitor:
        """Asks for the page and waits until the session has its number; the page itself goes on."""
        message = BackMsg()
        message.rerun_script.page_name = "convolution"
        self.socket.send(message.SerializeToString())
        while not self.session:
            answer = ForwardMsg.FromString(self.socket.recv(timeout=TIMEOUT_S))
            if answer.WhichOneof("type") == "new_session":
                self.session = answer.new_session.initialize.session_id
        return self

    def open(self, page: str = "", query: str = "") -> Visitor:
        """A page by its address, "" for Home. query: what stands behind the question mark."""
        self.page, self.page_hash, self.elements, self.values, self.query = page, "", {}, {}, query
        return self.rerun()

    def rerun(self, trigger: WidgetState | None = None, fragment: str = "") -> Visitor:
        """The page once more with the values of all widgets; returns when the app has nothing more to say."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id = self.query, fragment
        if self.page_hash:
            state.page_script_hash = self.page_hash
        else:
            state.page_name = self.page
        state.widget_states.widgets.extend([*self.values.values(), *([trigger] if trigger else [])])
        self.socket.send(message.SerializeToString())
        self._listen()
        return self

    def _listen(self) -> None:
        ended, wait_s = False, TIMEOUT_S
        while True:
            try:
                blob = self.socket.recv(timeout=wait_s)
            except TimeoutError:
                if ended:
                    return
                raise VisitorError(f"{self.page or 'home'} gave no sign for {TIMEOUT_S} s") from None
            self.seen.update(NAMES.findall(blob))
            message = ForwardMsg.FromString(blob)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                ended, wait_s, self.run = False, TIMEOUT_S, self.run + 1
                self.session = message.new_session.initialize.session_id or self.session
            elif kind == "navigation":  # which page that is; a rerun asks for it
                self.page_hash = message.navigation.page_script_hash
            elif kind == "delta":
                self._place(message)
            elif kind == "script_finished":
                ended = self._finish(message.script_finished)
                wait_s = SETTLED_S if ended else TIMEOUT_S
            elif kind == "page_not_found":
                raise VisitorError(f"there is no page {self.page!r}")

    def _finish(self, how: int) -> bool:
        """Whether the run is over; False where the app begins another one of itself. What was not drawn again is gone."""
        if how == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise VisitorError(f"{self.page or 'home'} does not compile")
        if how == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
        drawn = {each.fragment for each in self.elements.values() if each.run == self.run}
        for path, each in list(self.elements.items()):
            of_this_run = how == ForwardMsg.FINISHED_SUCCESSFULLY or each.fragment in drawn
            if each.run != self.run and of_this_run:
                del self.elements[path]
        return True

    def _place(self, message: ForwardMsg) -> None:
        path, delta = tuple(message.metadata.delta_path), message.delta
        kind = delta.WhichOneof("type")
        if kind == "new_element":
            for below in [each for each in self.elements if each[: len(path)] == path]:
                del self.elements[below]
            self.elements[path] = Placed(delta.new_element, delta.fragment_id, self.run)
        elif (
            kind == "add_block"
        ):  # it takes the place of an element; what is in another block stays until the end of the run
            self.elements.pop(path, None)

    # --- what is there ----------------------------------------------------------------------------------

    def all_of(self, kind: str) -> list[Any]:
        """The elements of a kind, e.g. "metric", from top to bottom."""
        elements = [placed.element for _, placed in sorted(self.elements.items())]
        return [getattr(each, kind) for each in elements if each.WhichOneof("type") == kind]

    def words(self) -> str:
        """All text of the page that is no widget."""
        return "\n".join(str(each) for kind in PLAIN for each in self.all_of(kind))

    def widget(self, key: str) -> tuple[str, str, Any]:
        """(fragment, kind, widget) by its key."""
        for placed in self.elements.values():
            kind = placed.element.WhichOneof("type")
            widget = getattr(placed.element, kind) if kind else None
            if getattr(widget, "id", "").endswith(f"-{key}"):
                return placed.fragment, kind, widget
        raise VisitorError(f"{self.page or 'home'} has no widget {key!r}")

    # --- what a visitor does ----------------------------------------------------------------------------

    def choose(self, key: str, value: Any) -> Visitor:
        """Sets a widget: an index list for buttons, a text for a select box, numbers for a slider."""
        fragment, kind, widget = self.widget(key)
        state = WidgetState(id=widget.id)
        if kind == "button":
            state.trigger_value = True
            return self.rerun(state, fragment)
        if kind == "checkbox":
            state.bool_value = value
        elif kind == "number_input":
            state.double_value = value
        elif kind == "slider":
            state.double_array_value.data.append(value)
        elif kind == "button_group":
            state.int_array_value.data.append(value)
        elif kind in ("multiselect",):
            state.string_array_value.data.extend(value)
        else:
            state.string_value = value
        self.values[widget.id] = state
        return self.rerun(fragment=fragment)

    def upload(self, key: str, files: list[tuple[str, bytes]]) -> Visitor:
        """Files, (name, bytes) each, into an uploader, in place of what was there."""
        fragment, _, widget = self.widget(key)
        state = WidgetState(id=widget.id)
        for (name, blob), place in zip(files, self.places_for([name for name, _ in files]), strict=True):
            self.put(place.upload_url, name, blob)
            state.file_uploader_state_value.uploaded_file_info.add(
                name=name, size=len(blob), file_id=place.file_id, file_urls=place
            )
        self.values[widget.id] = state
        return self.rerun(fragment=fragment)

    def places_for(self, names: list[str]) -> list[FileURLs]:
        """Where files may be put: an address each, for this session."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.extend(names)
        message.file_urls_request.session_id = self.session
        self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(self.socket.recv(timeout=TIMEOUT_S))
            if answer.WhichOneof("type") == "file_urls_response":
                return list(answer.file_urls_response.file_urls)
            if answer.WhichOneof("type") == "delta":
                self._place(answer)

    def put(self, url: str, name: str, blob: bytes, token: str | None = None) -> int:
        """One upload as a browser sends it. Returns the status; HTTPError for a refusal."""
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
        body = head.encode() + blob + f"\r\n--{border}--\r\n".encode()
        request = urllib.request.Request(urljoin(f"{self.address}/", url), body, method="PUT")
        request.add_header("Content-Type", f"multipart/form-data; boundary={border}")
        request.add_header("X-Xsrftoken", self.token if token is None else token)
        request.add_header("Cookie", self.cookie)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status

    def fetch(self, url: str) -> bytes:
        """A file of the page, e.g. behind a download button."""
        with urllib.request.urlopen(urljoin(f"{self.address}/", url), timeout=TIMEOUT_S) as answer:
            return answer.read()

    def downloaded(self, key: str) -> bytes:
        """What a download button gives."""
        _, _, widget = self.widget(key)
        return self.fetch(widget.url)


def is_refused(address: str, origin: str, host: str | None = None) -> bool:
    """Whether a session cannot be opened by a page of that origin."""
    from websockets.exceptions import InvalidStatus

    place = urlsplit(address)
    headers = {"Host": host} if host else {}
    try:
        with connect(
            f"ws://{place.netloc}/_stcore/stream", origin=origin, subprotocols=["streamlit"], additional_headers=headers
        ):
            return False
    except InvalidStatus as answer:
        return answer.response.status_code == 403
