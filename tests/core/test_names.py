"""What a name may be, and how refs are read."""

import pytest

from modelry.core.errors import Invalid
from modelry.core.names import (
    Ref,
    check_key,
    check_label,
    check_name,
    check_path,
    check_pointer,
    check_text,
    label_key,
    label_number,
    parse_model,
    parse_ref,
    refuse_twins,
)

DIGEST = "a" * 64


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("credit-risk", Ref("default", "credit-risk")),
        ("Team/credit-risk", Ref("team", "credit-risk")),
        ("m:3", Ref("default", "m", "number", "", 3)),
        ("m:v3", Ref("default", "m", "number", "", 3)),
        ("m:v1.2.0", Ref("default", "m", "label", "1.2.0")),
        ("m:1.2.0+cpu", Ref("default", "m", "label", "1.2.0+cpu")),
        ("m:Vega", Ref("default", "m", "label", "vega")),
        ("m@Production", Ref("default", "m", "pointer", "production")),
        ("m@latest", Ref("default", "m", "latest")),
        ("m:LATEST", Ref("default", "m", "latest")),
        (f"m@sha256:{DIGEST}", Ref("default", "m", "digest", DIGEST)),
        (f"m@SHA256:{DIGEST.upper()}", Ref("default", "m", "digest", DIGEST)),
        ("models:/m", Ref("default", "m")),
        ("models:/m/3", Ref("default", "m", "number", "", 3)),
        ("models:/m/1.2.0", Ref("default", "m", "label", "1.2.0")),
        ("models:/m/Production", Ref("default", "m", "pointer", "production")),
        ("models:/m/latest", Ref("default", "m", "latest")),
        ("models:/m@champion", Ref("default", "m", "pointer", "champion")),
        ("models:/team/m/3", Ref("team", "m", "number", "", 3)),
        ("models:/team/m@champion", Ref("team", "m", "pointer", "champion")),
    ],
)
def test_refs_are_read_as_people_write_them(text: str, ref: Ref) -> None:
    assert parse_ref(text) == ref
    assert parse_ref(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    ["", ":", "@", "m:", "m@", "m:a b", "m@3", "m@v3", "a/b/c", "m@md5:00", "m@sha256:00",
     "models:/a/b/c/d", "m:1@x", "m@x:1", "m:007", "m:0", "m:v0", "m:" + "9" * 17, "m:1..2"],
)  # fmt: skip
def test_what_is_no_ref_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_ref(text)


def test_a_ref_shows_itself_as_it_would_be_written() -> None:
    refs = ["m", "team/m", "m:3", "m:1.0", "m@x", "m@latest", f"m@sha256:{DIGEST}"]
    assert [str(parse_ref(text)) for text in refs] == refs
    assert str(parse_ref("team/m@x").at(4)) == "team/m:4"


def test_where_a_model_is_asked_for_a_version_is_refused() -> None:
    assert parse_model("team/m") == Ref("team", "m")
    with pytest.raises(Invalid, match="name the model alone: m"):
        parse_model("m:3")


HOSTILE_NAMES = [
    "../x", "..", "a..b", "a\\b", "/etc/passwd", "C:\\x", ".hidden", "-x", "a b", "a;b", "a#b",
    "a%2e%2e", "a%252e", "a%41", "a\0b", "a\nb", "a\x1b[0m", "a\u202eb", "a\ud800", "\u0430",
    "\uff41", "a\u200bb", "x" * 129, "",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_row_1_2_3_4_5_hostile_names_are_refused_everywhere(name: str) -> None:
    for check in (
        lambda: check_name(name, "model"),
        lambda: parse_ref(name),
        lambda: parse_ref(f"m@{name}"),
        lambda: parse_ref(f"m:{name}"),
        lambda: parse_ref(f"models:/{name}/1"),
        lambda: check_pointer(name, "an alias"),
        lambda: check_label(name),
    ):
        with pytest.raises(Invalid):
            check()


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../b", "/etc/passwd", "a\\b", "C:/x", "a//b", "./a", "a/.", "", "a\0b", "a\nb",
     "a\x1bb", "a\u202eb", "a\udc80", "x" * 1025],
)  # fmt: skip
def test_row_1_hostile_paths_are_refused(path: str) -> None:
    with pytest.raises(Invalid):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["model.onnx", ".hidden/a b", "ünïcode/模型.bin", "ab:c", "..a/b.."]
)
def test_ordinary_paths_are_kept(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("twins", [("a", "A"), ("é", "e\u0301"), ("x/STRASSE", "x/straße")])
def test_row_5_paths_that_some_systems_cannot_tell_apart_are_refused(
    twins: tuple[str, str],
) -> None:
    with pytest.raises(Invalid, match="one file on some systems"):
        refuse_twins(twins)
    refuse_twins(["a", "b"])


@pytest.mark.parametrize("name", ["summary", "Stages", "versions"])
def test_reserved_names_are_no_models(name: str) -> None:
    with pytest.raises(Invalid, match="reserved"):
        parse_ref(name)


@pytest.mark.parametrize("name", ["latest", "3", "v3", "V3"])
def test_an_alias_cannot_read_like_a_version(name: str) -> None:
    with pytest.raises(Invalid):
        check_pointer(name, "an alias")


def test_row_6_stage_and_alias_names_have_one_letter_case() -> None:
    assert check_pointer("Production", "a stage") == "production"


def test_labels_are_unique_without_letter_case_and_leading_v() -> None:
    assert label_key("v1.2.0") == label_key("V1.2.0") == label_key("1.2.0") == "1.2.0"
    assert label_key("Vega") == "vega"
    assert label_key("RC1") == "rc1"


def test_a_label_that_is_a_whole_number_is_that_number() -> None:
    assert (label_number("12"), label_number("v12"), label_number("1.2")) == (12, 12, None)
    for label in ("0", "012", "9" * 16):
        with pytest.raises(Invalid):
            label_number(label)


@pytest.mark.parametrize("label", ["latest", "Latest", "a/b", "1..2", "a b", "x" * 129, "", "-1"])
def test_what_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(Invalid):
        check_label(label)


@pytest.mark.parametrize(
    "key", ["auc", "eval/loss@1", "a b", "mlflow.source.type", "_x", "0:1", "é", ".a"]
)
def test_keys_of_the_field_are_kept(key: str) -> None:
    assert check_key(key, "metric") == key


@pytest.mark.parametrize("key", ["", " a", "a\n", "\N{SNOWMAN}", "x" * 251, 3, None, "-a", 'a"'])
def test_what_is_no_key_is_refused(key: object) -> None:
    with pytest.raises(Invalid, match="cannot name a metric"):
        check_key(key, "metric")


def test_text_keeps_lines_and_refuses_what_hides() -> None:
    assert check_text("one\n\ttwo ünï 模型", "it") == "one\n\ttwo ünï 模型"
    for text in ("a\0", "a\x1b[31m", "a\u202e", "a\ud800", "a\u2066b"):
        with pytest.raises(Invalid, match="U\\+"):
            check_text(text, "it")
    with pytest.raises(Invalid, match="at most 3"):
        check_text("four", "it", 3)
    with pytest.raises(Invalid, match="must be text"):
        check_text(3, "it")
