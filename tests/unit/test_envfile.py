"""``.env`` is read by Compose's rules.

The right values come from compose-go's ``dotenv`` v2.16.2 itself (``UnmarshalWithLookup``), with
:data:`SHELL` as its environment; None is what it refuses.
"""

import pytest

from glue.settings import envfile

SHELL = {"SET": "from the shell", "EMPTY": ""}
READ_BY_COMPOSE = [
    ("A=8001 # note", {"A": "8001"}),
    ("A=8001# note", {"A": "8001# note"}),
    ("A=8001 #note", {"A": "8001"}),
    ("A = 8001 ", {"A": "8001"}),
    ("A=\t8001\r\nB=2\r", {"A": "8001", "B": "2"}),
    ("  A=1\n\n# c\n#B=2\nC=3", {"A": "1", "C": "3"}),
    ("A=''", {"A": ""}),
    ("A=", {"A": ""}),
    ("A=\nB=2", {"A": "", "B": "2"}),
    ("A= # note", {"A": "# note"}),
    ("A=#note", {"A": "#note"}),
    ("export A=1", {"A": "1"}),
    ("A: 1", {"A": "1"}),
    ("A:1=2", {"A": "1=2"}),
    ("A=b=c==", {"A": "b=c=="}),
    ("A='it is # no comment' # one", {"A": "it is # no comment"}),
    ('A="x # y" # one', {"A": "x # y"}),
    ("A='Pa$SET ${SET} $$'", {"A": "Pa$SET ${SET} $$"}),
    ("A=Pa$SET-2026", {"A": "Pafrom the shell-2026"}),
    ('A="Pa$SET-2026"', {"A": "Pafrom the shell-2026"}),
    ("A=Pa$$SET", {"A": "Pa$SET"}),
    ('A="Pa\\$SET"', {"A": "Pa$SET"}),
    ("A=Pa\\$SET", {"A": "Pa\\from the shell"}),
    ("A=100$", {"A": "100$"}),
    ("A=$5 $ .", {"A": "$5 $ ."}),
    ("A=${SET}", {"A": "from the shell"}),
    ("A=${EMPTY:-d}", {"A": "d"}),
    ("A=${EMPTY-d}", {"A": ""}),
    ("A=${NO:-a${SET}b} c", {"A": "afrom the shellb c"}),
    ("A=${NO-}", {"A": ""}),
    ("A=${SET:+yes}", {"A": "yes"}),
    ("A=${NO+yes}", {"A": ""}),
    ("A=${SET:?why}", {"A": "from the shell"}),
    ("A=1\nB=$A-2\nSET=x\nC=$SET", {"A": "1", "B": "1-2", "C": "from the shell", "SET": "x"}),
    ("A='it\\'s'", {"A": "it's"}),
    ('A="a\\"b"', {"A": 'a"b'}),
    ('A="a\\\\b\\nc\\td"', {"A": "a\\b\nc\td"}),
    ("A='a\\nb'", {"A": "a\\nb"}),
    ("A=a\\nb", {"A": "a\\nb"}),
    ("A=a'b'c", {"A": "a'b'c"}),
    ('A="\\0101"', {"A": "A"}),
    ("A='one\ntwo'\nB=2", {"A": "one\ntwo", "B": "2"}),
    ('A="one\ntwo"', {"A": "one\ntwo"}),
    ("A=1\nA=2", {"A": "2"}),
    ("SET\nA=1", {"A": "1", "SET": "from the shell"}),
    ("NO\nA=1", {"A": "1"}),
    ("A.b-c[0]=1", {"A.b-c[0]": "1"}),
    ("ÄB=ü", {"ÄB": "ü"}),
    ("A=pä%20ss w;rd!*", {"A": "pä%20ss w;rd!*"}),
    ('A="x"B=2', {"A": "x", "B": "2"}),
    ("A='abc\\\\'", {"A": "abc\\\\"}),
    ("A B=1", None),
    ("A='x", None),
    ('A="x', None),
    ("A@b=1", None),
    ("A=${", None),
    ("A=${1}", None),
    ("A=${NO:?is missing}", None),
    ("'A'=1", None),
    ("A='it''s'", None),
    ('{"a": 1}', None),
    ("A=${SET} ${", None),
]


@pytest.mark.parametrize(("text", "values"), READ_BY_COMPOSE)
def test_a_line_means_what_it_means_to_compose(text, values):
    if values is None:
        with pytest.raises(envfile.Unreadable, match=r"^line 1: "):
            envfile.parse(text, SHELL)
    else:
        assert envfile.parse(text, SHELL).values == values


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "plain",
            "Pa$word-2026",
            "${SET}",
            "$$",
            "100%",
            "# no comment",
            "a # b",
            "it's",
            '"',
        ),
        *("'quoted'", '"quoted"', " spaces ", "a\\", "\\'", "\\n", "\\$", "ünicode", "tab\there"),
        *("a\nb", "a=b", "export x", "`id`", "$(id)", "!history", "%41", '\\"$x\\', "'\\"),
    ],
)
def test_what_is_written_is_read_back_by_us_and_by_compose(value):
    line = f"A={envfile.quoted(value)}\nB=2\n"
    for environ in (None, SHELL, {}):
        file = envfile.parse(line, environ)
        assert file.values == {"A": value, "B": "2"}
        assert not file.blank


def test_without_an_environment_a_dollar_outside_quotes_stays():
    """``stack.env`` of an earlier release has such values without quotes."""
    assert envfile.parse("A=Pa$word\nB=${x", None).values == {"A": "Pa$word", "B": "${x"}


def test_no_part_of_a_value_is_repeated_when_a_file_cannot_be_read(tmp_path):
    secret = "s3cret"
    for line in (f"B='{secret}", f"{secret}@h=2", f"B=${{{secret}", f"'{secret}"):
        (tmp_path / ".env").write_text(f"A=1\n{line}")
        with pytest.raises(envfile.SettingsError, match=r"\.env, line 2") as error:
            envfile.read(tmp_path / ".env", {})
        assert secret not in str(error.value)
