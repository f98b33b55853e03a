"""What every page is made of, and how another page is added."""

import pytest
from jinja2 import UndefinedError

from reports.pages import breakable, page_environment
from tests.reports.markup import faults, parsed

LEAST = """{% extends "base.html.j2" %}
{% from "parts.html.j2" import badge, filters, word %}
{% block title %}A title{% endblock %}
{% block heading %}A heading{% endblock %}
{% block content %}{{ badge("rejected") }} {{ name }} {{ filters("rows", {"rejected": 1}) }}
<p data-item="one" data-verdict="rejected">One</p>{% endblock %}"""


def test_a_page_fills_three_blocks_and_is_whole() -> None:
    page = page_environment().from_string(LEAST).render(name="<b>")
    assert faults(page) == []
    root = parsed(page)
    assert [root.all(name)[0].content for name in ("title", "h1")] == ["A title", "A heading"]
    assert "&lt;b&gt;" in page
    assert root.all("nav") == []


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        page_environment().from_string(LEAST).render()


def test_a_word_without_an_explanation_is_an_error() -> None:
    text = '{% from "parts.html.j2" import word %}{{ word("carrier pigeon") }}'
    with pytest.raises(KeyError, match="carrier pigeon"):
        page_environment().from_string(text).render()


def test_a_name_may_be_broken_after_its_dots() -> None:
    assert breakable("a.<b>") == "a.<wbr>&lt;b&gt;"
