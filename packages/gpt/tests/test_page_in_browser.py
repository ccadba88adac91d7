"""The page of `gpt inspect` in a real browser: what a reader clicks, types and sees.

Chromium is driven through its debugging protocol over two pipes, so nothing but the browser itself
is needed; without one, these tests are skipped.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from gpt.cli import main
from gpt.inside.inspection import inspect_prompt
from gpt.inside.page import page_data, render_page
from gpt.model.config import GPTConfig
from gpt.model.gpt import GPT
from gpt.text.tokenizers import CharacterTokenizer

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="browser: needs chromium"),
]
TIMEOUT_S = 120
PROMPT = "the cat </script> sat"


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, profile: Path):
        to_browser, self.pipe_out = os.pipe()
        self.pipe_in, from_browser = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run"
        command = [CHROMIUM, *options.split(), f"--user-data-dir={profile}", "about:blank"]
        # the protocol's pipes are the browser's descriptors 3 and 4
        redirect = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.numbers, self.unread, self.events, self.session = itertools.count(1), b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.pipe_in)
        os.close(self.pipe_out)

    def read(self):
        """The next message of the browser."""
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.pipe_in], [], [], TIMEOUT_S)
            assert ready, f"the browser has said nothing for {TIMEOUT_S} s"
            received = os.read(self.pipe_in, 1 << 16)
            assert received, "the browser has closed its pipe"
            self.unread += received
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.pipe_out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path: Path, width=1280, height=900, scheme="light"):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self.events.append(self.read())

    def js(self, expression):
        """The value of an expression in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)}).textContent")

    def texts(self, selector):
        all_of_them = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return self.js(f"{all_of_them}.map((each) => each.textContent)")

    def click(self, selector):
        """Press the mouse on the middle of an element."""
        place = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="none" if kind == "mouseMoved" else "left",
                clickCount=1,
            )

    def focus(self, selector):
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")

    def press(self, key, code=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    def screenshot(self, path: Path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {**size, "scale": 1}
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    """A page of a random model, and its data."""
    torch.manual_seed(1)
    tokenizer = CharacterTokenizer.train([PROMPT])
    config = GPTConfig(tokenizer.vocab_size, 32, n_layers=3, n_heads=4, d_model=16, d_ff=32)
    model = GPT(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.5)
    inspection = inspect_prompt(model, tokenizer, PROMPT)
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render_page(inspection, tokenizer, "mine"), encoding="utf-8")
    data = page_data(inspection, tokenizer, "mine")
    return path, data


@pytest.fixture
def page(browser, inspected):
    """The browser with the page opened anew."""
    browser.open(inspected[0])
    return browser


@pytest.fixture
def data(inspected):
    return inspected[1]


def shown(text):
    return text.replace(" ", "·")


def percent(probability):
    return (
        "< 0.1 %" if probability < 0.001 else f"{100 * probability:.{int(probability < 0.0995)}f} %"
    )


def requested(browser):
    """The addresses that the page has loaded, itself first."""
    sent = [each for each in browser.events if each.get("method") == "Network.requestWillBeSent"]
    return [each["params"]["request"]["url"] for each in sent]


def test_the_page_opens_without_an_error_or_a_request(page, data):
    assert requested(page) == [page.js("location.href")]
    faults = {"Runtime.exceptionThrown", "Log.entryAdded"}
    assert [e for e in page.events if e.get("method") in faults] == []
    tokens = page.texts("#tokens .token-text")
    assert "".join(tokens[:-1]) == shown(PROMPT)
    assert tokens[-1] == shown(data["vocabulary"][data["answer"]])


def test_the_policy_lets_nothing_else_run_or_load(page):
    blocked = page.js(
        "new Promise((resolve) => { const blocked = [];"
        "document.addEventListener('securitypolicyviolation', (event) => {"
        "  if (blocked.push(event.effectiveDirective) === 2) resolve(blocked); });"
        "const script = document.createElement('script'); script.textContent = 'window.bad = 1';"
        "document.body.append(script); new Image().src = 'http://127.0.0.1:9/x.png'; })"
    )
    assert sorted(blocked) == ["img-src", "script-src-elem"]
    assert page.js("window.bad") is None


def test_the_slider_shows_the_predictions_of_each_layer_by_keyboard(page, data):
    page.focus("#lens-layer")
    for layer in (2, 1):
        page.press("ArrowLeft", 37)
        assert page.text("#lens-output") == f"{layer} of 3 blocks"
        predicted = [row[0] for row in data["lens"]["tokens"][layer]]
        texts = page.js(
            "[...document.querySelectorAll('#lens-cells .cell')]"
            ".map((cell) => cell.children[1].textContent)"
        )
        assert texts == [shown(data["vocabulary"][token]) for token in predicted]
        earlier = [row[0] for row in data["lens"]["tokens"][layer - 1]]
        changed = [now != before for now, before in zip(predicted, earlier, strict=True)]
        assert any(changed)
        assert changed == page.js(
            "[...document.querySelectorAll('#lens-cells .cell')]"
            ".map((cell) => cell.classList.contains('changed'))"
        )
    assert page.texts("#lens-top .number") == [
        percent(p) for p in data["lens"]["probabilities"][1][-1]
    ]


def test_switching_a_head_off_shows_the_prediction_without_it(page, data):
    page.click("#grid .grid-row:nth-child(3) .head:nth-child(4)")  # layer 1, head 2
    assert page.text("#ablate-label") == "Head 1.2 is on"
    page.focus("#ablate")
    page.press(" ", 32, " ")
    assert page.js("document.querySelector('#ablate').ariaChecked") == "false"
    ablation = data["ablation"]
    rows = page.texts("#ablation .number.without")
    assert rows[:5] == [percent(p) for p in ablation["ablated"][1][2]]
    assert f"{abs(ablation['change'][1][2]):.3f} nats" in page.text("#ablation-note")
    first = data["vocabulary"][ablation["tokens"][1][2][0]]
    assert page.texts("#tokens .next .token-text") == [shown(first)]
    page.click("#ablate")
    assert page.texts("#ablation .number.without") == []


def test_arrow_keys_move_in_the_grid(page):
    page.click("#grid .grid-row:nth-child(2) .head:nth-child(2)")
    for key, code in (("ArrowDown", 40), ("ArrowRight", 39), ("ArrowDown", 40)):
        page.press(key, code)
    assert page.js("document.activeElement.ariaLabel").startswith("layer 2, head 1")
    assert page.text("#ablate-label") == "Head 2.1 is on"
    page.press("ArrowDown", 40)  # there is no layer 3
    assert page.text("#ablate-label") == "Head 2.1 is on"


def test_the_grid_can_show_a_head_type(page, data):
    page.js(
        "const select = document.querySelector('#pattern'); select.value = 'previous token';"
        "select.dispatchEvent(new Event('change'))"
    )
    score, layer, head = max(
        (score, layer, head)
        for layer, row in enumerate(data["patterns"]["previous token"])
        for head, score in enumerate(row)
    )
    expected = f"layer {layer}, head {head}: {100 * score:.0f} %"
    assert page.js("document.querySelector('#strongest .pill').ariaLabel") == expected
    page.click("#strongest .pill")
    assert page.text("#ablate-label") == f"Head {layer}.{head} is on"
    assert page.js("document.activeElement.className") == "pill"


def test_an_alternative_continues_the_text(page, data):
    page.click("#tokens .token:nth-child(20)")  # position 19
    chosen = [each for each in data["continuations"] if each["position"] == 19][2]
    page.click(f"#alternatives [data-token='{chosen['token']}']")
    expected = PROMPT[:19] + data["vocabulary"][chosen["token"]] + chosen["text"]
    assert page.text("#continuation") == expected
    pressed = page.texts("#alternatives [aria-pressed=true] .token-text")
    assert pressed == [shown(data["vocabulary"][chosen["token"]])]
    assert "in the text" in page.text("#alternatives")


def test_hovering_a_token_shows_where_it_attends(page, data):
    page.click("#grid .grid-row:nth-child(2) .head:nth-child(3)")  # layer 0, head 1
    page.js("scrollTo(0, 0)")
    box = page.js(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelectorAll('#tokens .token')[2].getBoundingClientRect())"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    weights = [int(each.removesuffix(" %")) for each in page.texts("#tokens .weight")[:3]]
    stored = base64.b64decode(data["attention"])
    start = len(PROMPT) * (len(PROMPT) + 1) // 2 + 3
    exact = [100 * each / 255 for each in stored[start : start + 3]]
    assert weights == pytest.approx(exact, abs=0.51)
    assert page.texts("#tokens .weight")[3] == ""


def test_the_trace_opens_its_stages(page, data):
    page.click("#trace details:nth-child(3) summary")
    assert page.js("document.querySelectorAll('#trace details')[2].open") is True
    cells = page.texts("#trace details:nth-child(3) tbody td")
    numbers = [n for row in data["trace"][2]["tables"][0]["numbers"] for n in row]
    assert [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells] == pytest.approx(numbers)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(browser, inspected, scheme):
    browser.open(inspected[0], width=390, height=844, scheme=scheme)
    assert browser.js("document.documentElement.scrollWidth") == 390
    back = browser.js("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 20, 23)"}[scheme]
    small = browser.js(
        "[...document.querySelectorAll('button')].filter((each) => each.offsetHeight &&"
        "(each.offsetHeight < 24 || each.offsetWidth < 24)).length"
    )
    assert small == 0


@pytest.mark.usefixtures("smollm2_wheel")
def test_smollm2_is_inspected_with_one_command(browser, tmp_path, monkeypatch):
    """The example of the README, and what its reader would try first."""
    monkeypatch.chdir(tmp_path)
    prompt = "When Mary and John went to the store, John gave a drink to"
    assert main(["inspect", "--model", "smollm2", "--prompt", prompt]) == 0
    browser.open(tmp_path / "inspect.html")
    assert requested(browser) == [(tmp_path / "inspect.html").as_uri()]
    assert "After the prompt the model expects \N{LEFT SINGLE QUOTATION MARK}Mary" in browser.text(
        "#summary"
    )
    browser.focus("#lens-layer")
    browser.press("ArrowLeft", 37)
    assert browser.text("#lens-output") == "29 of 30 blocks"
    browser.click("#ablate")
    assert len(browser.texts("#ablation .number.without")) >= 5
    assert "times as likely" in browser.text("#ablation-note")
    browser.click("#alternatives li:nth-child(2) button")
    chosen = browser.text("#alternatives [aria-pressed=true] .token-text").replace("·", " ")
    assert browser.text("#continuation").startswith(prompt + chosen)
    assert len(browser.text("#continuation")) > len(prompt + chosen) + 16
