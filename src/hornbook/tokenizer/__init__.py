"""From text to numbers and back: pieces, byte pairs, shards."""
