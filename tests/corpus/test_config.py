import pytest

from hornbook.base.config import convert
from hornbook.base.errors import RecipeError
from hornbook.corpus.config import CorpusConfig

FOLDER = {"kind": "folder", "path": "texts"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"source": [{"kind": "folder"}]}, "needs 'path'"),
        ({"source": [{"kind": "wheel", "package": "x"}]}, "'version'"),
        ({"source": [{"kind": "web"}]}, "'web'"),
        ({"source": [FOLDER | {"titel": "t"}]}, "did you mean 'title'"),
        ({"source": [FOLDER | {"encoding": "u-9"}]}, "no encoding"),
        ({"source": [FOLDER], "near_duplicate": 1.5}, "share"),
        ({"source": [FOLDER], "heldout_overlap": 0}, "share"),
        ({"source": [FOLDER], "rules": {"most": 1}}, "rules.most"),
    ],
)
def test_impossible_recipes_are_refused(
    table: dict[str, object], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        convert(table, CorpusConfig, "mine.toml")


def test_a_folder_is_all_that_is_needed() -> None:
    config = convert({"source": [FOLDER]}, CorpusConfig, "mine.toml")
    assert config.source[0].text == "text"
    assert config.near_duplicate == 0.8
