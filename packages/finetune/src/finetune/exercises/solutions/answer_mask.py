"""The mask of a row with special tokens."""


def answer_mask(tokens: list[int], header: list[int], stop: int) -> list[bool]:
    """True after every header, up to and including the next stop token."""
    mask, inside = [], False
    for at, token in enumerate(tokens, 1):
        mask.append(inside)
        begins = not inside and tokens[max(at - len(header), 0) : at] == header
        inside = begins or (inside and token != stop)
    return mask
