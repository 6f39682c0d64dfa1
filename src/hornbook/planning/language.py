"""Which language a text is in, as far as its letters tell."""

import re

LOOKED_AT = 2000
"""Characters of a document from which its language is guessed."""
LEAST_LETTERS = 100
SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
}
"""Letters that tell a language; Chinese ones stand in Japanese too."""
SCRIPT_SHARE = 0.1


def guess_language(text: str) -> str:
    """Guess a text's language as an ISO 639 code; empty if unsure.

    Japanese, Korean and Chinese are told by their scripts, the others
    by how often short runs of letters occur.

    >>> guess_language("帽子は頭に被る物です" * 20)
    'ja'
    """
    from resiliparse.parse.lang import detect_fast

    letters = "".join(filter(str.isalpha, text[:LOOKED_AT]))
    if len(letters) < LEAST_LETTERS:
        return ""
    for code, script in SCRIPTS.items():
        if len(script.findall(letters)) > SCRIPT_SHARE * len(letters):
            return code
    code, _ = detect_fast(text[:LOOKED_AT])
    return "" if code == "unknown" else str(code)
