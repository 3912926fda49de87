"""Laws of addresses: no secret is repeated, whatever it is made of; no path is refused, whatever it is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.addresses import check_address, shown
from tasks.errors import InputError
from tasks.foreign_text import is_encodable, visible

# Long enough not to be part of the words around it.
letters = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=8, max_size=12)
signs = st.text("AB12/@:?#&=%+;.,!$~_-", max_size=8)
schemes = st.sampled_from(["http", "https", "s3", "gs", "sftp", "ftp", "smb", "hdfs", "abfs"])
chains = st.sampled_from(["", "simplecache::", "filecache::", "zip://a.csv::"])


@given(chains, schemes, signs, letters, signs)
def test_a_password_of_any_signs_is_refused_and_not_repeated(chain, scheme, before, secret, after):
    address = f"{chain}{scheme}://user:{before}{secret}{after}@host.example/a.tar"
    with pytest.raises(InputError) as raised:
        check_address(address, takes_query=True)
    assert secret not in str(raised.value)
    assert secret not in shown(address)


@given(
    chains,
    schemes,
    st.sampled_from(
        ["sig", "Signature", "X-Amz-Signature", "token", "api_key", "key", "password", "se", "Expires&sig"]
    ),
    letters,
    signs,
)
def test_a_signature_of_any_signs_is_refused_and_not_repeated(chain, scheme, key, secret, after):
    address = f"{chain}{scheme}://host.example/a.tar?month=3&{key}={secret}{after}"
    with pytest.raises(InputError) as raised:
        check_address(address, takes_query=True)
    assert secret not in str(raised.value)
    assert secret not in shown(address)


@given(st.text(min_size=1).filter(lambda text: "://" not in text and is_encodable(text)), st.booleans())
def test_a_path_of_any_signs_is_taken(path, takes_query):
    assert check_address(path, takes_query=takes_query) == path
    assert shown(path) == path
    assert check_address(f"file:///{path}", takes_query=takes_query) == f"file:///{path}"


@given(st.text(st.characters()))
def test_whatever_is_shown_can_be_printed_and_written(text):
    assert visible(text).isprintable()
    visible(text).encode()
    assert visible(visible(text)) == visible(text)
