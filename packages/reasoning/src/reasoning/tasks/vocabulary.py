"""The words of the reasoning model: one token for each number from 0 to 199, and few others."""

from gpt.text.tokenizers import WordLevelTokenizer
from reasoning.tasks.countdown import LARGEST_RESULT

THINK, ANSWER = "think", "answer"
"""What a prompt asks for: steps before the answer, or the answer at once."""
HIT, MISS, WAIT = "hit", "miss", "wait"
"""The verdict on an attempt; `wait` begins another one."""
MAX_ATTEMPTS = 4
"""Most attempts in a training trace. Beyond that number, a model's traces fall apart."""
CHAIN = "chain"
"""The first word of a prompt of chain arithmetic, where a countdown has its target."""

NUMBERS = [str(number) for number in range(LARGEST_RESULT + 1)]
SYMBOLS = ["+", "-", "*", "(", ")", "=", ";", ":"]
WORDS = [*NUMBERS, *SYMBOLS, THINK, ANSWER, HIT, MISS, WAIT, CHAIN]

TOKENIZER = WordLevelTokenizer(WORDS)
"""The tokenizer of all models of this package."""
