"""Text and lists of tokens as a padded matrix of token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._arrays._typing import IntArray
from .._support._documentation_links import DocumentationLinkMixin

UNKNOWN = 0
"""The id of every token that was rare or not there in training."""
PADDING = -1
"""What `EmbeddingMap` takes for a missing site."""


class TokenEncoder(
    DocumentationLinkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Text, or lists of tokens, as a padded matrix of token ids.

    .. math:: X_{ik} = \begin{cases}
        v(t_{ik}) & t_{ik} \in V, \\ 0 & t_{ik} \notin V, \\ -1 & k > \text{length of text } i
        \end{cases}

    Tokens are what the tokenizer of scikit-learn finds in a text; a document that is
    a list is taken as its tokens. Each token of the vocabulary V has an id from 1 on; all
    that were rare in training, or not there, share the id 0, so that a model learns what
    an unknown word means. Rows end with -1, which
    `sktensornet.feature_maps.EmbeddingMap` takes as padding.

    Parameters
    ----------
    length : int or None, default=None
        Columns of the matrix, to which longer documents are cut. None is as many as
        the longest document in training has.
    keep : {"first", "last"}, default="first"
        Which tokens of a longer document stay.
    min_df : int or float, default=2
        In how many documents, or in what share of them, a token occurs that is not
        rare. With 1 no token is, and nothing is learnt for the id 0.
    max_features : int or None, default=None
        Size of the vocabulary: the most frequent tokens only.
    analyzer : {"word", "char"} or callable, default="word"
        What is a token of a text. A callable returns the list of tokens of a document.
    lowercase : bool, default=True
        Whether texts are written in lower case first.
    token_pattern : str, default=r"(?u)\\b\\w+\\b"
        Regular expression of a word, here of one letter or more.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The id of each token.
    n_tokens_ : int
        Number of ids, that of unknown tokens included: ``n_tokens`` of `EmbeddingMap`.
    length_ : int
        Columns of the matrix.

    Raises
    ------
    ValueError
        If X is a table or a single text, a document is neither text nor tokens, or
        all tokens are rare.

    See Also
    --------
    sktensornet.feature_maps.EmbeddingMap : A trained vector for each token.
    sklearn.feature_extraction.text.CountVectorizer : Counts, without the order.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.preprocessing import TokenEncoder
    >>> texts = ["not bad", "not good at all", "good", "bad, not good"]
    >>> TokenEncoder().fit_transform(texts)
    array([[ 3,  1, -1, -1],
           [ 3,  2,  0,  0],
           [ 2, -1, -1, -1],
           [ 1,  3,  2, -1]])
    >>> reader = make_pipeline(
    ...     TokenEncoder(),
    ...     TTClassifier(rank=2, feature_map="embedding", shared_cores=True, random_state=0),
    ... )
    >>> reader.fit(texts, [True, False, True, False]).predict(["not good", "not bad"])
    array([False,  True])
    """

    _parameter_constraints: ClassVar[dict] = {
        "length": [Interval(Integral, 1, None, closed="left"), None],
        "keep": [StrOptions({"first", "last"})],
        "min_df": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "analyzer": [StrOptions({"word", "char"}), callable],
        "lowercase": ["boolean"],
        "token_pattern": [str],
    }

    def __init__(
        self,
        length: int | None = None,
        *,
        keep: str = "first",
        min_df: int | float = 2,
        max_features: int | None = None,
        analyzer: str | Callable[[Any], Iterable[str]] = "word",
        lowercase: bool = True,
        token_pattern: str = r"(?u)\b\w+\b",
    ) -> None:
        self.length = length
        self.keep = keep
        self.min_df = min_df
        self.max_features = max_features
        self.analyzer = analyzer
        self.lowercase = lowercase
        self.token_pattern = token_pattern

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Iterable, y: Any = None) -> TokenEncoder:
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str, or of lists of str
            The documents.
        y : None
            Not used.

        Returns
        -------
        self : object
            The encoder.
        """
        documents = self._documents(X)
        counter = CountVectorizer(
            analyzer=lambda tokens: tokens, min_df=self.min_df, max_features=self.max_features
        )
        try:
            counter.fit(documents)
        except ValueError as error:
            raise ValueError(
                f"X has no vocabulary: with min_df={self.min_df!r} all tokens of its "
                f"{len(documents)} documents are rare, or there are none. Lower min_df."
            ) from error
        self.vocabulary_ = {token: 1 + int(k) for token, k in counter.vocabulary_.items()}
        self.n_tokens_ = 1 + len(self.vocabulary_)
        longest = max(map(len, documents))
        self.length_ = longest if self.length is None else int(self.length)
        return self

    def transform(self, X: Iterable) -> IntArray:
        """Write documents as ids.

        Parameters
        ----------
        X : iterable of str, or of lists of str
            The documents.

        Returns
        -------
        ndarray of int, shape (n_documents, length)
            The ids, 0 for unknown tokens, and -1 behind the end. A document without
            tokens is one unknown token.
        """
        check_is_fitted(self)
        part = slice(self.length_) if self.keep == "first" else slice(-self.length_, None)
        rows = []
        for tokens in self._documents(X):
            ids = [self.vocabulary_.get(token, UNKNOWN) for token in tokens[part]] or [UNKNOWN]
            rows.append(ids + [PADDING] * (self.length_ - len(ids)))
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.length_)

    def _documents(self, X: Any) -> list[list[str]]:
        """The tokens of each document."""
        is_one = isinstance(X, str | bytes | Iterator) or not hasattr(X, "__iter__")
        if is_one or hasattr(X, "columns"):
            given = "one text" if isinstance(X, str) else f"a {type(X).__name__}"
            raise ValueError(
                f"X must be a list, an array or a column of documents, got {given}; pass [text], "
                "or the column of a table, X['text']."
            )
        analyze = CountVectorizer(
            analyzer=self.analyzer, lowercase=self.lowercase, token_pattern=self.token_pattern
        ).build_analyzer()
        found = []
        for number, document in enumerate(X):
            if callable(self.analyzer) or isinstance(document, str):
                tokens = analyze(document)
            elif _is_tokens(document):
                tokens = document
            else:
                raise ValueError(
                    f"X has {document!r} as document {number}; it must be text or a list of "
                    "tokens that are text."
                )
            found.append(list(tokens))
        return found

    @property
    def _n_features_out(self) -> int:
        return self.length_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _is_tokens(document: Any) -> bool:
    """Whether a document is a sequence of text."""
    return isinstance(document, list | tuple | np.ndarray) and all(
        isinstance(token, str) for token in document
    )
