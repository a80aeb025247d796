"""reconciler.toml: what it may say, and what is refused with the place in it."""

from pathlib import Path

import pytest

from reconciler.core.errors import UsageError
from reconciler.settings.config_file import read_file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parallelism = 1.5", "parallelism must be a whole number, not 1.5"),
        ("max_deletes = true", "max_deletes must be a whole number, not True"),
        ('max_deletes = "a"', "max_deletes must be a whole number, not 'a'"),
        ('var = "STAGE=a"', "var must be a list of texts, not 'STAGE=a'"),
        ('var_file = ["\\u0000"]', "var_file must be a list of texts"),
        ('var_env = "yes"', "var_env must be true or false"),
        ('policy = "sink"', "policy must be one of observe, create-only, upsert-only, sync"),
        ("owner = 1.5", "owner must be text"),
        ('[run]\ninterval = "soon"', "run.interval must be a number of seconds, not 'soon'"),
        ("[run]\ninterval = -1", "run.interval must be a number of seconds, not -1"),
        ("[targets.t]\nexclude = 'a'", "targets.t.exclude must be a list of texts"),
        ("defaults = 1", "defaults must be tables, each below a line [[defaults]]"),
        ("defaults = [1]", "defaults must be tables, each below a line [[defaults]]"),
        (
            "[[defaults]]\nmeshname = 'a'",
            "defaults[0].meshname is not a setting; use one of files,",
        ),
        ("[[defaults]]\nfiles = ''", "defaults[0].files must be text, not ''"),
        ("[[defaults]]\nmeshName = 1", "defaults[0].meshName must be text, not 1"),
        ("[[defaults]]\nmeshName = 'a-{steM}'", "defaults[0].meshName contains {steM}; use {stem}"),
        ("[[defaults]]\nfiles = 'a'", "defaults[0] must have files and at least one name"),
        ("[[defaults]]\nmeshName = 'a'", "defaults[0] must have files and at least one name"),
        (
            'lock = "redis:x"',
            "lock must be file:PATH or dynamodb:TABLE or s3:BUCKET/KEY or postgresql://HOST/DATABASE",
        ),
        ("tag_index_lag = -1", "tag_index_lag must be a number of seconds, not -1"),
        (
            '[targets.t]\ntag_index_lag = "2m"',
            "targets.t.tag_index_lag must be a number of seconds",
        ),
        ("[targets.t]\nlabels = 1", "targets.t.labels must be a table of texts"),
        ("[targets.t]\nlabels = { a = 1 }", "targets.t.labels must be a table of texts"),
        (
            "[targets.t]\ntag_index_lag = true",
            "targets.t.tag_index_lag must be a number of seconds",
        ),
        (
            "[targets.t]\ntag_index_lag = inf",
            "targets.t.tag_index_lag must be a number of seconds",
        ),
        (
            f"[targets.t]\ntag_index_lag = 1{'0' * 400}",
            "targets.t.tag_index_lag must be a number of seconds",
        ),
        ("[targets.t]\nrefresh = true", "targets.t.refresh is not a setting"),
        ("auto_approve = true", "auto_approve is not a setting"),
    ],
)
def test_what_no_option_takes_is_refused_where_it_stands(
    text: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_file(file)
    assert str(refused.value).startswith(f"{file}: {words}")


@pytest.mark.parametrize("value", ["'a'", "{ a = true }", "{ a = 1.5 }"])
def test_variables_of_other_types_are_refused_with_their_line(value: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'[targets.t]\nowner = "o"\nvariables = {value}\n')
    with pytest.raises(UsageError) as refused:
        read_file(file)
    words = "targets.t.variables must be texts or whole numbers by name, such as"
    assert str(refused.value).startswith(f"{file}:3: {words}")
    file.write_text('[targets.t]\nvariables = { a = "1.5", b = 5 }\n')
    assert read_file(file).targets["t"]["variables"] == {"a": "1.5", "b": 5}


def test_an_option_and_a_table_with_the_name_history_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('history = "runs"\n[history]\nformat = "json"\n')
    with pytest.raises(UsageError, match=r"history = and \[history\] cannot both be in one file"):
        read_file(file)
    file.write_text('history = "runs"\n')
    assert read_file(file).common == {"history": "runs"}
    file.write_text('[history]\nformat = "json"\n')
    assert read_file(file).commands == {"history": {"format": "json"}}


def test_what_options_take_is_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'lock = "file:x"\nmax_updates = 5\nvar = ["A=b"]\nvar_env = true\n[run]\ninterval = 2.5\n'
    )
    read = read_file(file)
    assert read.common == {"lock": "file:x", "max_updates": 5, "var": ["A=b"], "var_env": True}
    assert read.commands == {"run": {"interval": 2.5}}


def test_a_target_has_its_own_lag_of_the_index(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("tag_index_lag = 60\n[targets.t]\ntag_index_lag = 0.5\n")
    read = read_file(file)
    assert (read.common, read.targets) == ({"tag_index_lag": 60}, {"t": {"tag_index_lag": 0.5}})
