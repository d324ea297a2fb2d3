"""Text and lists of tokens become a padded matrix of ids."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.utils.estimator_checks import check_estimator

from sktensornet.preprocessing import TokenEncoder

TEXTS = ["Not bad", "not good at all", "good", "bad, not good"]
LISTS = [["not", "bad"], ["not", "good", "at", "all"], ["good"], ["bad", "not", "good"]]
IDS = [[3, 1, -1, -1], [3, 2, 0, 0], [2, -1, -1, -1], [1, 3, 2, -1]]


# scikit-learn cannot make text for its checks and says so.
@pytest.mark.filterwarnings("ignore:Can't test estimator TokenEncoder")
def test_checks_of_scikit_learn():
    results = check_estimator(TokenEncoder())
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, pd.Series, lambda texts: LISTS],
    ids=["list", "tuple", "array", "series", "tokens"],
)
def test_texts_and_tokens(make):
    encoder = TokenEncoder()
    found = encoder.fit_transform(make(TEXTS))
    np.testing.assert_array_equal(found, IDS)
    assert found.dtype.kind == "i"
    assert (encoder.n_tokens_, encoder.length_) == (4, 4)
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(TEXTS), IDS)


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=8))
def test_known_tokens_come_back_and_the_rest_is_one_id(documents):
    encoder = TokenEncoder(min_df=1).fit([*documents, ["a", "b"]])
    tokens = {number: token for token, number in encoder.vocabulary_.items()}
    ids = encoder.transform([[*document, "new"][: encoder.length_] for document in documents])
    for document, row in zip(documents, ids, strict=True):
        known = [tokens.get(number, "new") for number in row if number >= 0]
        assert known == [*document, "new"][: encoder.length_]
        assert (np.diff(row < 0) >= 0).all()
    assert sorted(tokens) == list(range(1, encoder.n_tokens_))


@pytest.mark.parametrize(("keep", "row"), [("first", [3, 2]), ("last", [0, 0])])
def test_longer_documents_are_cut(keep, row):
    found = TokenEncoder(length=2, keep=keep).fit_transform(TEXTS)
    assert found.shape == (4, 2)
    assert found[1].tolist() == row
    assert found[2].tolist() == [2, -1]


def test_vocabularies_are_limited_by_frequency():
    encoder = TokenEncoder(max_features=2).fit(TEXTS)
    assert encoder.vocabulary_ == {"good": 1, "not": 2}
    assert set(TokenEncoder(min_df=1).fit(TEXTS).vocabulary_) == {"not", "bad", "good", "at", "all"}
    assert TokenEncoder(analyzer="char", min_df=1).fit_transform(["ba", "c"]).tolist() == [
        [2, 1],
        [3, -1],
    ]
    split = TokenEncoder(analyzer=str.split, min_df=1).fit(["a,b c"])
    assert set(split.vocabulary_) == {"a,b", "c"}


def test_a_document_without_tokens_is_one_unknown_token():
    assert TokenEncoder().fit(TEXTS).transform(["", "?"]).tolist() == [[0, -1, -1, -1]] * 2


def test_names_of_columns_and_tables():
    table = pd.DataFrame({"text": TEXTS, "n": [1.0, 2.0, 3.0, 4.0]})
    both = ColumnTransformer([("words", TokenEncoder(), "text")], remainder="passthrough")
    found = both.set_output(transform="pandas").fit_transform(table)
    assert list(found)[:2] == ["words__tokenencoder0", "words__tokenencoder1"]
    np.testing.assert_array_equal(found.iloc[:, :4], IDS)


@pytest.mark.parametrize(
    ("X", "said"),
    [
        ("text", "got one text"),
        (3, "got a int"),
        (iter(TEXTS), "list_iterator"),
        (pd.DataFrame({"text": TEXTS}), r"DataFrame.*X\['text'\]"),
        (["good", None], "None as document 1"),
        ([["good", 1]], r"\['good', 1\] as document 0"),
        ([], "0 documents"),
        (["once", "ever"], "min_df=2 all tokens"),
    ],
)
def test_what_is_no_list_of_documents_is_named(X, said):
    with pytest.raises(ValueError, match=said):
        TokenEncoder().fit(X)


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"keep": "middle"}, {"min_df": 0}, {"max_features": 0}]
)
def test_parameters_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        clone(TokenEncoder()).set_params(**wrong).fit(TEXTS)
