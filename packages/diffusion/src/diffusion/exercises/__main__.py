"""`python -m diffusion.exercises`: a line per exercise, which is open, solved or not yet right."""

from gpt.exercises.verdicts import print_verdicts

if __name__ == "__main__":
    print_verdicts("diffusion")
