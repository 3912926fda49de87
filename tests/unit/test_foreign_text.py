"""What a file or a user wrote: visible in a terminal, and as it is in Prefect's Markdown."""

import pytest

from flows.markdown import as_code, as_text
from tasks.foreign_text import is_encodable, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Magic Rogue · 5/1", "Magic Rogue · 5/1"),
        ("日本 ⚡", "日本 ⚡"),
        ("[/b] [red]x", "[/b] [red]x"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("gnp\u202eexe.tar", r"gnp\u202eexe.tar"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_every_sign_is_visible(text, seen):
    assert visible(text) == seen


def test_whether_it_can_be_written():
    assert is_encodable("日本")
    assert not is_encodable("caf\udce9")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rated_price-1f0c2a9b, net -5.00 on 1.390000010", "rated_price-1f0c2a9b, net -5.00 on 1.390000010"),
        ("[x](javascript:1)", r"\[x\](javascript:1)"),
        ("![x](http://evil/x.png)", r"!\[x\](http\://evil/x.png)"),
        ("<script>&lt;", r"\<script\>\&lt;"),
        ("a|b `c` *d* _e_ ~f~", r"a\|b \`c\` \*d\* \_e\_ \~f\~"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("---", r"\---"),
        ("1. a", r"1\. a"),
        ("    code", "code"),
        ("www.evil.com me@evil.com", r"www\.evil.com me\@evil.com"),
        ("a\n# b", r"a\\n# b"),
    ],
)
def test_markdown_shows_it_as_it_is(text, written):
    assert as_text(text) == written


@pytest.mark.parametrize(("text", "written"), [("a b", "`a b`"), ("a`b", "`` a`b ``"), ("`` a", "``` `` a ```")])
def test_code_shows_it_as_it_is(text, written):
    assert as_code(text) == written
