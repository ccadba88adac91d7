"""A beam on any tree: the three phases in two lines."""


def beam_search(
    root: str, children: dict[str, list[str]], values: dict[str, float], breadth: int
) -> str:
    """Keep the `breadth` best states of each level until they are complete."""
    level = [root]
    while level[0] in children:
        proposed = [child for state in level for child in children[state]]
        level = sorted(proposed, key=lambda state: values[state], reverse=True)[:breadth]
    return level[0]
