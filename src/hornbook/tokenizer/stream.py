"""Text from ids that arrive one at a time."""

import codecs

from hornbook.tokenizer.tokenizer import Tokenizer


class StreamDecoder:
    """Decodes ids one by one and never shows half a character.

    A token may end inside a character. Its bytes then wait until the
    next tokens complete it; bytes that can no longer become UTF-8
    turn into U+FFFD. All that is given, joined, is what ``decode``
    gives for all the ids; but a space that the vocabulary puts before
    every text is kept, since here a text goes on.
    """

    def __init__(self, tok: Tokenizer) -> None:
        self._tok = tok
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id_: int) -> str:
        """Take one id; give the text that is now complete.

        Raises:
            DataError: the id is not in the vocabulary.
        """
        return self._utf8.decode(self._tok.token_bytes(id_))

    def flush(self) -> str:
        """Give what still waits, at the end of the ids."""
        return self._utf8.decode(b"", final=True)
