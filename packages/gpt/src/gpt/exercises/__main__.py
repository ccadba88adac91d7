"""`python -m gpt.exercises`: one line per exercise: open, solved or not yet right."""

from gpt.exercises.verdicts import print_verdicts

if __name__ == "__main__":
    print_verdicts("gpt")
