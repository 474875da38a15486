"""The official vectors of the push encryption, and what must be refused."""

from __future__ import annotations

import pytest

from simulator.crypto import CryptoError, decrypt, encrypt, signature, ticket_signature

KEY = "A" * 43
APPID = "wxba5fad812f8e6fb9"
SAFE = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsX"
    "UnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajA"
    "sjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
REPLY = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("1714036504", "1514711492"), "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        (("1714037059", "486452656"), "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
        (("1714112445", "415670741"), "6c5c811b55cc85e0e1b54100749188c20beb3f5d"),
        (("1714112445", "415670741", SAFE), "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"),
        (("1713424427", "415670741", REPLY), "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"),
    ],
)
def test_official_signatures(parts: tuple[str, ...], expected: str) -> None:
    assert signature("AAAAA", *parts) == expected


def test_official_safe_post_decrypts_to_its_event() -> None:
    clear = decrypt(KEY, APPID, SAFE)
    assert len(clear.encode()) == 167
    assert '"Event":"debug_demo"' in clear


def test_official_reply_is_made_byte_for_byte() -> None:
    assert encrypt(KEY, APPID, '{"demo_resp":"good luck"}', b"707722b803182950") == REPLY


def test_official_ticket_signature_leaves_out_the_fragment() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value#top"
    expected = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    assert ticket_signature(ticket, "Wm3WZYTPz0wzccnW", "1414587457", url) == expected


def test_what_was_encrypted_can_be_decrypted() -> None:
    for length in (0, 1, 11, 12, 13, 31, 32, 33, 1000):
        message = "田" * length
        assert decrypt(KEY, APPID, encrypt(KEY, APPID, message)) == message


@pytest.mark.parametrize(
    "text",
    ["", "?", "AAAA", "A" * 44, encrypt(KEY, "wx-other", "hello"), encrypt("B" * 43, APPID, "hello")],
    ids=["empty", "no base64", "short", "noughts", "another appid", "another key"],
)
def test_a_text_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(CryptoError):
        decrypt(KEY, APPID, text)


@pytest.mark.parametrize("key", ["", "A" * 42, "?" * 43])
def test_a_wrong_key_is_refused(key: str) -> None:
    with pytest.raises(CryptoError):
        encrypt(key, APPID, "hello")
