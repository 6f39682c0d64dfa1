"""What it means that a rule dropped a document, in a few words."""

DROPPED = {
    # What repeats another document, or gives one away
    "exact_duplicate": "the same text stands in an earlier document",
    "near_duplicate": "an earlier document says nearly the same",
    "common_paragraphs": "little is left without common paragraphs",
    "common_lines": "little is left without common lines",
    "heldout_title": "titled like a held-out document elsewhere",
    "heldout_overlap": "shares phrases with a held-out document",
    "contaminated": "gives an item of a benchmark away",
    "mixture": "its source is read in part",
    # What is not in the languages, or not of the kind, that are wanted
    "language": "in another language",
    "perplexity": "unlike the examples of good text",
    "quality": "more like the bad examples than the good",
    # Rules of this house
    "too_short": "too short to learn from",
    "few_letters": "too few letters among its characters",
    "undecodable": "characters were lost in decoding",
    "symbol_heavy": "code or mark-up rather than prose",
    "repeated_lines": "says the same lines again and again",
    "repeated_phrases": "says the same phrases again and again",
    "placeholder": "an error page or a filler",
    # Rules of Gopher
    "word_count": "too few words, or too many",
    "word_length": "words too short or too long for prose",
    "hash_marks": "too many hash marks for its words",
    "ellipses": "too many ellipses for its words",
    "bullet_lines": "a list and nothing else",
    "ellipsis_lines": "previews, each cut off at an ellipsis",
    "lettered_words": "too few of its words have a letter",
    "stop_words": "lacks the commonest words of its language",
    "lines_again": "too many lines came before",
    "line_characters": "too much of it in lines that came before",
    "paragraphs_again": "too many paragraphs came before",
    "paragraph_characters": "too much in paragraphs come before",
    "top_phrases": "one phrase makes up too much of it",
    "phrases_again": "too much of it in phrases come before",
    # Rules of C4
    "few_sentences": "too few sentences",
    "lorem_ipsum": "a page whose text was still to be written",
    "curly_brackets": "code: prose has no curly bracket",
    "listed_words": "holds a word of the recipe's own list",
    # Rules of FineWeb
    "ended_lines": "too few lines end in a punctuation mark",
    "copied_lines": "its lines come again and again",
    "short_lines": "too many lines are short",
}


def meaning_of(rule: str) -> str:
    """Say what a rule found wrong with a document.

    >>> meaning_of("too_short")
    'too short to learn from'
    """
    return DROPPED.get(rule, "a rule of the recipe's own")
