"""How often a model is right: read `answers` (what a text answers), then `pass_rates`.

For answers to other problems: `extraction` (where a free text gives its answer) and `math_values`
(its exact value).
"""
