"""Names in a statement: told from casts, quotes and comments."""

import pytest

from notifyd.model.named_sql import Unreadable, named_sql


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select :a, :b::text, x::date", "select <a>, <b>::text, x::date"),
        ("select ':a', \":a\", 'it''s :a', :a", "select ':a', \":a\", 'it''s :a', <a>"),
        ("select e'\\':a', :a", "select e'\\':a', <a>"),
        ("select 1 -- :a ; delete from t\n, :a", "select 1  \n, <a>"),
        ("select /* :a ; */ :a;  \n-- the end", "select   <a>"),
        ("select $$ :a; $$, $x$ :a $$ $x$, :a", "select $$ :a; $$, $x$ :a $$ $x$, <a>"),
        ("select f(x := :a)", "select f(x := <a>)"),
        ("(select :a)", "(select <a>)"),
        ("values (:a)", "values (<a>)"),
        ("select update_count from updates where deleted", "select update_count from updates where deleted"),
        ("select 'insert into t'", "select 'insert into t'"),
    ],
)
def test_names(text: str, expected: str) -> None:
    """Something is put in for each name, and for nothing else."""
    statement = named_sql("x.sql", text)
    assert expected == statement.filled(lambda name: f"<{name}>")
    assert statement.names == ({"a", "b"} if "<b>" in expected else {"a"} if "<a>" in expected else set())


@pytest.mark.parametrize("text", ["", ";", "/* */", "select 1;;", "select 1; select 2", "truncate t", "select $1"])
def test_refused(text: str) -> None:
    """What is no single statement that reads."""
    with pytest.raises(Unreadable):
        named_sql("x.sql", text)
