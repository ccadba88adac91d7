"""What is learned from: questions and answers, their formats, pairs of answers."""
